"""The demo: a separate market, in which people act out the whole story over HTTP."""
