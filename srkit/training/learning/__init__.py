"""How a network learns: built with its losses, phase by phase, step by step."""
