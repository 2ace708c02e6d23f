"""Which recipe a run follows: found by its name, resolved from a file, its domain's defaults and overrides."""
