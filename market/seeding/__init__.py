"""What a first start is seeded with: people to sign in as, the embedded base, and plug-ins to try."""
