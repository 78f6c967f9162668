"""What was deleted long ago becomes a stub: key, vector, dates (DESIGN.md section 3).

Law: a stub has the dots, the vector and the dates of what it was, and those alone settle what is deleted. So it merges
and resolves as before, nothing that was deleted comes back by being old, and it does not matter who purges when.
Only what a record says of itself counts: the items of a deleted playlist stay until they are removed themselves, or two
devices that purge on different days would hold different libraries.
"""

from balados_shared.kinds import Value
from balados_shared.record import Head, Record
from balados_shared.rules import value_of

_SAYS_NOTHING = {"name": "", "title": "", "rank": "V"}
"""The emptiest that a field may be which its kind cannot go without."""


def purge(record: Record) -> Record:
    """Return what is kept of a record: a stub where it is deleted, else the record itself."""
    if value_of(record).present:
        return record
    heads = [Head(head.device, head.number, stub_of(head.value)) for head in record.heads]
    return Record(tuple(heads), record.vector)


def stub_of(value: Value) -> Value:
    """Return a value of a kind that can be deleted without anything but its key and its dates."""
    if value.purged:  # so that purging twice is purging once, whatever a stub from elsewhere holds
        return value
    kind = type(value)
    kept = {name: getattr(value, name) for name in (*kind.identity, *value.dates)}
    empty = {name: nothing for name, nothing in _SAYS_NOTHING.items() if name in kind.__struct_fields__}
    return kind(**{**empty, **kept}, purged=True)
