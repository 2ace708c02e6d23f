"""How close an output comes to its reference: figures of merit, and tables of them."""
