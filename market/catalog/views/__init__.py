"""Pages of the catalogue: public ones, and an artist's desk."""
