"""The errors of the pure core, sorted by what the caller must do.

BaladosError
├── InvalidInput   what came in cannot be read; the sender must change it
└── Refused        it was understood, and the answer is no; the message says why
"""


class BaladosError(Exception):
    """Any error this project raises on purpose. Its text is for a person and holds no secret."""


class InvalidInput(BaladosError, ValueError):
    """Foreign input that cannot be read: trying again without a change will not help."""


class Refused(BaladosError):
    """A well-formed wish that the library does not grant."""
