"""Extraction: one concept or several leave the base and become plug-ins, and the result is measured."""
