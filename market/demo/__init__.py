"""The demo: a market of its own, in which people walk the whole story over HTTP."""
