"""Evidence that a base learned from works."""
