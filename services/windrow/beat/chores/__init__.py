"""A file a chore: small periodic duties, each isolating the row that fails and noting how it fares."""
