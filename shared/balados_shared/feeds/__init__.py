"""Feeds from outside: fetched (fetch), read in a process of their own (worker, parse)."""
