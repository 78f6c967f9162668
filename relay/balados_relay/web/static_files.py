"""The few files beside the pages. Their address holds a fingerprint of what is in them, so that browsers keep them."""

import hashlib
from importlib import resources
from typing import Any

from litestar import Response, get
from litestar.params import FromPath

from balados_shared import problems

_TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}


def _load() -> dict[str, bytes]:
    folder = resources.files(__package__) / "static"
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.name.rpartition(".")[2] in _TYPES}


_FILES = _load()
_PRINTS = {name: hashlib.sha256(content).hexdigest()[:12] for name, content in _FILES.items()}


def static_url(name: str) -> str:
    """Return the address of a file, for a template."""
    return f"/static/{name}?v={_PRINTS[name]}"


@get("/static/{name:str}", include_in_schema=False, sync_to_thread=False)
def static_file(name: FromPath[str]) -> Response[Any]:
    """Serve a file of the folder `static`."""
    if name not in _FILES:
        raise problems.not_found("There is no such file.")
    headers = {"Cache-Control": "public, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"}
    return Response(_FILES[name], media_type=_TYPES[name.rpartition(".")[2]], headers=headers)
