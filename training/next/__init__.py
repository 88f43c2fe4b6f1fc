"""Recipes of the coming embedded base: 128 pixels, many artists. They take the place of those above when it ships."""
