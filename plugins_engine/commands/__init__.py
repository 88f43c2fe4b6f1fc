"""The commands of the command line, one module each: `add` puts its parser in, `run` runs it."""
