"""The way out for generated media."""
