"""Carrying over: plug-ins of one base are brought to the next generation of that base, and their artists accept or decline."""
