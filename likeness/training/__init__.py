"""One training loop for anything that has a loss."""
