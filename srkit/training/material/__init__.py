"""What a run is trained on: items found, coupled, parted and normalised before the first step."""
