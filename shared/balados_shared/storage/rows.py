"""Reading a stored record. What cannot be read was damaged after we wrote it: the disk erred, not the caller."""

from balados_shared.errors import InvalidInput
from balados_shared.kinds import BY_KIND
from balados_shared.record import Record
from balados_shared.storage.errors import Corrupt
from balados_shared.wire import stored_record


def read_row(kind: str, text: str) -> Record:
    """Return the record that a row holds. Raises Corrupt; `doctor` names the row."""
    try:
        return stored_record(BY_KIND[kind], text)
    except InvalidInput:
        raise Corrupt from None
