"""The operator's commands: asked of the running relay, or done on its files when none runs."""

from balados_relay.cli.main import main

__all__ = ["main"]
