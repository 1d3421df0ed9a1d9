"""The SQL migrations of the todos app, in the order of their names."""
