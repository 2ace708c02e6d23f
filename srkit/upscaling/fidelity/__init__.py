"""How far an output is its input again: measured, enforced, mapped."""
