"""A token in a file that only its owner may read: who can read the file may talk to the program."""

import contextlib
import os
import secrets
from pathlib import Path

from balados_shared.storage.files import make_private_directory


def load_or_make_token(file: Path) -> str:
    """Return the token, made at the first start with mode 0600."""
    make_private_directory(file.parent)
    with contextlib.suppress(FileExistsError):
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as new:
            new.write(secrets.token_urlsafe(32))
    return read_token(file)


def read_token(file: Path) -> str:
    """Return the token that a running program made."""
    return file.read_text(encoding="ascii").strip()
