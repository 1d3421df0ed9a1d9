"""Summaries: articles in PostgreSQL, each to a few sentences, by a language model or by a local summarizer."""
