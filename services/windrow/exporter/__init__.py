"""The Prometheus door: what the ledger's statistics and the broker say, never a count of history."""
