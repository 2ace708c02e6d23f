"""NIfTI and MGH files: found by content, read by windows, written with every true statement kept."""
