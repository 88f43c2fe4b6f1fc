"""Seed a first start: people to sign in as, the embedded base, and plug-ins to try."""
