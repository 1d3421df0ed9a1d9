"""The SQL migrations of the summaries app, in the order of their names."""
