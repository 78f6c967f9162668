"""Feeds, fetched for others: only from where the relay may go (bounds, pinned), and kept for a while (cache)."""
