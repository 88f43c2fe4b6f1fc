"""Addition: an artist's works become a plug-in."""
