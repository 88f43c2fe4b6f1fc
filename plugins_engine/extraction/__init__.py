"""Extraction: a concept leaves the base and becomes a plug-in; several leave it together; and what came of it, measured."""
