"""What the daemon and the relay must agree on: ids, records, merge rules, wire messages, storage and shared routes."""

__version__ = "0.1.0"
