"""What a run keeps on disk to go on from, or to be looked up: its folder and its checkpoints."""
