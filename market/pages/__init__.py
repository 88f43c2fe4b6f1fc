"""The pages that belong to no single app: landing, about, help, errors; and the look of all pages."""
