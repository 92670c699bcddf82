"""The use cases as plain functions, one file each: the only place where the rooms meet."""
