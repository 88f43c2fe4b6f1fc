"""The pages that belong to no single part: landing, about, help, errors, and the look of everything."""
