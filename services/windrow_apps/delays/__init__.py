"""Delays: a request that is answered when its job is done, or not at all soon."""
