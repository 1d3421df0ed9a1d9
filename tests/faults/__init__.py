"""Processes killed and stores taken away: what became of every job is read from the ledger afterwards."""
