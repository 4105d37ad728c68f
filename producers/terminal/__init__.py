"""A person at a terminal: what is shown, typed and written to files."""
