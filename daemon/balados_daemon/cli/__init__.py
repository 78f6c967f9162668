"""The person's commands. They speak to the running daemon through its API, or say clearly that none runs."""

from balados_daemon.cli.main import main

__all__ = ["main"]
