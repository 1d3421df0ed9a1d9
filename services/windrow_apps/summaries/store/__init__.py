"""Every SQL statement of the summaries app, a file a noun."""
