"""Feeds, kept fresh on this device (refresh). They are fetched and read by `balados_shared.feeds`."""
