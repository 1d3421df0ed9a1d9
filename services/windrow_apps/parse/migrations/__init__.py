"""The SQL migrations of the parse app, in the order of their names."""
