"""Model files, and the shelf of those that are at hand."""
