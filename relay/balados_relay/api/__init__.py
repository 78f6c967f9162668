"""The relay's HTTP edge: who calls, and the routes."""
