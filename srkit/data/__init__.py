"""From files to batches: items, splits, windows, LR made from HR, normalised pairs."""
