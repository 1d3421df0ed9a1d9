"""The ledger's schema: Alembic revisions whose text is plain SQL; later ones only expand it."""
