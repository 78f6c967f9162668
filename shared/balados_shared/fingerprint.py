"""The fingerprint of a library: equal on two devices that hold the same.

SHA-256 over the canonical JSON lines (sorted keys, UTF-8, no spaces) of all live records, sorted by kind and key: kind,
key, value; no tombstones, revisions, vectors, nor what is local (DESIGN.md section 5).
"""

from collections.abc import Iterable
from hashlib import sha256

from msgspec.json import Encoder

from balados_shared.kinds import Value
from balados_shared.wire import value_fields

_canonical = Encoder(order="sorted")


def fingerprint(values: Iterable[Value]) -> str:
    """Return 64 hexadecimal digits for these values, which must come sorted by kind and key."""
    digest = sha256()
    for value in values:
        if value.present:
            line = {"kind": value.kind, "key": value.key, "value": value_fields(value)}
            digest.update(_canonical.encode(line) + b"\n")
    return digest.hexdigest()
