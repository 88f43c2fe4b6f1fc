"""A base: loaded, told apart by its fingerprint, read prompts with, drawn with, and plug-ins laid over it."""
