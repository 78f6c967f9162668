"""`/api/v1/health`: whether this is one of us, and which version."""

from typing import Any

from litestar import get

from balados_shared import __version__


@get("/health", summary="Say that it works", tags=["Health"], security=[{}])
async def show_health() -> dict[str, Any]:
    """Answer without asking for a token."""
    return {"ok": True, "version": __version__}
