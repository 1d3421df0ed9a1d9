"""Parse: pages of a source to rows in PostgreSQL."""
