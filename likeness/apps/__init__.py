"""Programs: parse, call one job, show."""
