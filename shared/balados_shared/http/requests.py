"""How a request's JSON is read.

Law: a body that is no JSON is the client's mistake, in whatever way it is none: broken off, not UTF-8, nested without
end. Litestar's own reading lets the last two through as failures of ours.
"""

from typing import Any

from litestar import Request

from balados_shared.wire import decode_json


class JsonRequest(Request[Any, Any, Any]):
    """For `Litestar(request_class=…)`."""

    async def json(self) -> Any:
        """Return the body as plain data. Raises InvalidInput."""
        return decode_json(await self.body())
