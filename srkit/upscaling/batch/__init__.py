"""What a call does with many items: found, treated in turn or at once, and told of."""
