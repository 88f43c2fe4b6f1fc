"""A plug-in by itself: low-rank layers and learned tokens, their algebra, and the files that they travel in."""
