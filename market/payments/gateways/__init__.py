"""The ways to take money in, and to pay it out."""
