"""Enhanced multi-frame MR and CT: one file holds a volume, and functional groups say where its frames lie."""
