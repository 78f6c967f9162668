"""Keeping this device in step with its relay: when (schedule), what (round), and over which line (HTTP or live)."""
