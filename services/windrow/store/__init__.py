"""The ledger: every SQL statement there is."""
