"""The layers around an app, in their order.

Law: the id comes first, so that everything behind it can be traced; packing comes before the limits, so that their
refusals are ordinary answers.
"""

from collections.abc import Collection

from balados_shared.http.asgi import App
from balados_shared.http.bodies import BodyLimits
from balados_shared.http.compression import Compression
from balados_shared.http.interruption import Interruption
from balados_shared.http.request_ids import RequestIds
from balados_shared.http.slashes import KeepSlashes

MAX_BYTES = 10_000_000
"""Bytes of a request body on the wire."""

MAX_UNPACKED = 64_000_000
"""Bytes of a request body once unpacked: the `request_max_body_size` of the Litestar app within."""


def with_edge(
    app: App, *, max_bytes: int = MAX_BYTES, max_unpacked: int = MAX_UNPACKED, bodiless: Collection[str] = ()
) -> App:
    """Put an app behind request ids, answer compression and body limits."""
    return RequestIds(Interruption(Compression(BodyLimits(KeepSlashes(app), max_bytes, max_unpacked, bodiless))))
