"""Those who are told of every step: logs, validation, pictures, early stopping, Ctrl-C."""
