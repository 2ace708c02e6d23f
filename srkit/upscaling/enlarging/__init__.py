"""Enlarges a source tile by tile, and puts the pieces together to what a sink wants."""
