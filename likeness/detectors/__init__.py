"""Manipulation detectors, one file each; `likeness.registry` lists them without importing any."""
