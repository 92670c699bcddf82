"""Torch modules, shared by detectors and generators; imported lazily, needs the extra `create`."""
