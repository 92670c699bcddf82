"""Generators, one file each; none yet. `likeness.registry` lists them without importing any."""
