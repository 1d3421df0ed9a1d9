"""Mailroom: e-mail once, statistics of records, and reports as PDF."""
