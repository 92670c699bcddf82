"""Likeness makes deepfakes in order to catch them."""

__version__ = "0.1.0"
