"""The SQL migrations of the mailroom app, in the order of their names."""
