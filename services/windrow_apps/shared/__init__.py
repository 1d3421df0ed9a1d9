"""What several of the built-in apps use."""
