"""The letters of sync: records as JSON, and the messages of `POST /api/v1/sync` (DESIGN.md section 4).

A record travels as the documented flat fields of its value plus `device`, `number` and `vector`; where several heads
stand it says the resolved value first and then all of them in `heads`, without repeating the fields that name the
record. The stored form is the same JSON. Old bytes must decode for ever: tests/golden holds them.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Annotated, Any, TypeVar, cast

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType, convert, to_builtins

from balados_shared.errors import InvalidInput
from balados_shared.events import Verdict
from balados_shared.ids import EpisodeId, FeedId
from balados_shared.kinds import BY_PLURAL, Value, key_of
from balados_shared.record import Head, Record
from balados_shared.rules import resolve
from balados_shared.times import Instant

MAX_PUSH = 1_000
"""Records in one request."""

MAX_PULL = 2_000
"""Records in one answer."""

MAX_NUMBER = 2**53 - 1
_MAX_HEADS = 200
_MAX_VECTOR = 2_000
_MAX_DEPTH = 50

_CARRIER = frozenset({"device", "number", "vector", "heads", "revision"})


def encode_json(message: Any) -> bytes:
    """Encode a message that may hold our ids, times and structs."""
    return _encoder.encode(message)


def decode_json(data: bytes | str | Raw) -> Any:
    """Decode JSON into plain data, or raise InvalidInput."""
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise InvalidInput("not valid JSON") from None


def value_fields(value: Value) -> dict[str, Any]:
    """Return the wire fields of a value; those that are not set are left out."""
    fields = cast("dict[str, Any]", to_builtins(value, enc_hook=_write))
    extra: dict[str, Any] = fields.pop("extra", {})
    return extra | fields


def decode_value(kind: type[Value], fields: Mapping[str, Any]) -> Value:
    """Read a value from wire fields, keeping those that this version does not know. Raises InvalidInput."""
    known = {name: fields[name] for name in _names(kind) if fields.get(name) is not None}
    extra = {name: field for name, field in fields.items() if name not in _names(kind) and name not in _CARRIER}
    if _is_deeper([*extra.values(), known.get("value")], _MAX_DEPTH):
        raise InvalidInput(f"fields may be nested at most {_MAX_DEPTH} deep")
    try:
        return convert(known | {"extra": extra} if extra else known, kind, dec_hook=_read)
    except (msgspec.ValidationError, InvalidInput) as error:
        raise InvalidInput(str(error)) from None


def record_fields(record: Record) -> dict[str, Any]:
    """Return the wire fields of a record."""
    resolution = resolve(record.heads)
    by = resolution.head
    fields = value_fields(resolution.value) | {"device": by.device, "number": by.number, "vector": record.vector}
    if len(record.heads) > 1:
        fields["heads"] = [_head_fields(head) for head in record.heads]
    return fields


def encode_record(record: Record) -> bytes:
    """Return the wire form, which is also the stored form."""
    head = record.heads[0]
    if len(record.heads) > 1 or head.value.extra:
        return _encoder.encode(record_fields(record))
    # The same bytes as above, without the detour over a dict: a first sync writes a hundred thousand.
    carrier = _encoder.encode({"device": head.device, "number": head.number, "vector": record.vector})
    return _encoder.encode(head.value)[:-1] + b"," + carrier[1:]


def decode_record(kind: type[Value], fields: Any) -> Record:
    """Read a record from its wire fields. Raises InvalidInput, and nothing else, for foreign input."""
    if not isinstance(fields, dict):
        raise InvalidInput("a record must be a JSON object")
    named = {name: fields.get(name) for name in kind.identity}
    heads = fields.get("heads") or [fields]
    if not isinstance(heads, list) or not 0 < len(heads) <= _MAX_HEADS:
        raise InvalidInput(f"heads must be a list of at most {_MAX_HEADS}")
    return Record.of({h.dot: h for h in (_head(kind, named, head) for head in heads)}.values(), _vector(fields))


def stored_record(kind: type[Value], text: bytes | str | Raw) -> Record:
    """Read a record from its stored form, which is the wire form. Raises InvalidInput."""
    try:
        carrier = _carriers.decode(text)
        if carrier.heads is UNSET and _knows_all_fields(kind, text) and _is_plain(kind, carrier):
            head = Head(carrier.device, carrier.number, _values(kind).decode(text))
            return Record.of((head,), carrier.vector)
    except (msgspec.DecodeError, InvalidInput, UnicodeDecodeError, RecursionError):
        pass  # the long way says what is wrong
    return decode_record(kind, decode_json(text))


class _Carrier(Struct):
    """What carries the value of a record with one head."""

    device: Annotated[str, Meta(min_length=1, max_length=100)]
    number: Annotated[int, Meta(gt=0, le=MAX_NUMBER)]
    vector: dict[str, Annotated[int, Meta(gt=0, le=MAX_NUMBER)]]
    heads: UnsetType | Raw = UNSET


def _is_plain(kind: type[Value], carrier: _Carrier) -> bool:
    """Whether the short way checks all that the long way would: device ids, and nothing nested in the value."""
    devices = (carrier.device, *carrier.vector)
    sane = len(devices) <= _MAX_VECTOR and all(0 < len(name) <= 100 and name.isprintable() for name in devices)
    return sane and "value" not in _names(kind)


_carriers = msgspec.json.Decoder(_Carrier)
_field_names = msgspec.json.Decoder(dict[str, Raw])


def _knows_all_fields(kind: type[Value], text: bytes | str | Raw) -> bool:
    """Whether a record holds no field that must be kept for versions which know more."""
    return _field_names.decode(text).keys() <= _names(kind) | _CARRIER


@cache
def _values(kind: type[Value]) -> "msgspec.json.Decoder[Value]":
    return msgspec.json.Decoder(kind, dec_hook=_read)


class SyncRequest(Struct, frozen=True, kw_only=True):
    """What a device says in a round: where it stands, and what the relay lacks.

    `count` is how far the device has numbered its changes, `runs` the process runs since the relay last answered, the
    present one last, by which two machines on one device id are told apart (DESIGN.md section 5). `refused` are the
    records that could not be read.
    """

    device_id: str
    count: int
    cursor: str
    runs: Sequence[str] = ()
    records: Sequence[Record] = ()
    refused: Sequence[Verdict] = ()


class SyncAnswer(Struct, frozen=True, kw_only=True):
    """What the relay answers: what changed after the cursor, and the verdicts on what was sent.

    A record that was sent and stored exactly so is not repeated. `clone` says that another machine uses this device id.
    """

    records: Sequence[Record] = ()
    synced_at: Instant
    cursor: str
    more: bool = False
    verdicts: Sequence[Verdict] = ()
    clone: bool = False


def encode_request(frame: Mapping[str, Any], rows: Iterable[tuple[str, bytes]]) -> bytes:
    """Return the body of `POST /api/v1/sync` from stored rows: (kind's plural, stored form)."""
    return _encoder.encode({**frame, **_by_plural((plural, Raw(state)) for plural, state in rows)})


def decode_fields(body: bytes | Raw) -> dict[str, Raw]:
    """Read the members of a message without their contents. Raises InvalidInput."""
    return _object(body)


def decode_request(body: bytes | Raw | Mapping[str, Raw]) -> SyncRequest:
    """Read a request; one bad record becomes a verdict and the rest goes on. Raises InvalidInput for a bad frame."""
    fields = body if isinstance(body, Mapping) else _object(body)
    frame = _frame(fields, _RequestFrame)
    lists = list(_lists(fields))
    if sum(len(rows) for _, rows in lists) > MAX_PUSH:
        raise InvalidInput(f"a request may hold at most {MAX_PUSH} records")
    records: list[Record] = []
    refused: list[Verdict] = []
    for plural, rows in lists:
        for index, row in enumerate(rows):
            _read_row(plural, index, row, records, refused)
    return SyncRequest(**msgspec.structs.asdict(frame), records=records, refused=refused)


def decode_answer(body: bytes | Raw) -> SyncAnswer:
    """Read an answer or a live `sync_update`.

    What this version cannot read is passed over; after an upgrade the device asks for everything again.
    """
    fields = _object(body)
    frame = _frame(fields, _AnswerFrame)
    records: list[Record] = []
    for plural, rows in _lists(fields):
        for index, row in enumerate(rows):
            _read_row(plural, index, row, records, [])
    return SyncAnswer(**msgspec.structs.asdict(frame), records=records)


def encode_answer(answer: Mapping[str, Any], rows: Iterable[tuple[str, bytes, int]]) -> bytes:
    """Return an answer from stored rows: (kind's plural, stored form, revision), which need no decoding."""
    numbered = ((plural, Raw(state[:-1] + b',"revision":%d}' % revision)) for plural, state, revision in rows)
    return _encoder.encode({**answer, **_by_plural(numbered)})


def _by_plural(rows: Iterable[tuple[str, Raw]]) -> dict[str, list[Raw]]:
    lists: dict[str, list[Raw]] = {}
    for plural, row in rows:
        lists.setdefault(plural, []).append(row)
    return lists


class _RequestFrame(Struct, frozen=True):
    device_id: Annotated[str, Meta(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$(?!\n)")]
    cursor: Annotated[str, Meta(max_length=100)]
    count: Annotated[int, Meta(ge=0, le=MAX_NUMBER)] = 0
    runs: Annotated[list[Annotated[str, Meta(max_length=100)]], Meta(max_length=50)] = []


class _AnswerFrame(Struct, frozen=True):
    synced_at: Instant
    cursor: str
    more: bool = False
    verdicts: list[Verdict] = []
    clone: bool = False


Frame = TypeVar("Frame", _RequestFrame, _AnswerFrame)


def _object(body: bytes | Raw) -> dict[str, Raw]:
    try:
        return msgspec.json.decode(body, type=dict[str, Raw])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise InvalidInput("the body must be a JSON object") from None


def _frame(fields: Mapping[str, Raw], frame: type[Frame]) -> Frame:
    """Read the fields of a message that are not lists of records."""
    plain = {name: decode_json(fields[name]) for name in frame.__struct_fields__ if name in fields}
    try:
        return convert(plain, frame, dec_hook=_read)
    except (msgspec.ValidationError, InvalidInput) as error:
        raise InvalidInput(str(error)) from None


def _lists(fields: Mapping[str, Raw]) -> Iterable[tuple[str, list[Raw]]]:
    """Pick the lists of records: known by name, or unknown but made of objects."""
    for name, raw in fields.items():
        if name in BY_PLURAL:
            yield name, _rows(name, raw)
        elif name not in _FRAMES and bytes(raw).startswith(b"["):
            rows = _rows(name, raw)
            if rows and bytes(rows[0]).startswith(b"{"):
                yield name, rows


def _rows(name: str, raw: Raw) -> list[Raw]:
    try:
        return msgspec.json.decode(raw, type=list[Raw] | None) or []
    except msgspec.DecodeError:
        raise InvalidInput(f"{name} must be a list") from None


def _read_row(plural: str, index: int, row: Raw, records: list[Record], refused: list[Verdict]) -> None:
    """Read one record; one that cannot be read is named by its place, so that its sender can park just that one."""
    place = f"{plural}[{index}]"
    kind = BY_PLURAL.get(plural)
    if kind is None:
        refused.append(_refusal(plural, "", "unknown_kind", "this version does not know that kind of record", place))
        return
    try:
        records.append(stored_record(kind, row))
    except InvalidInput as error:
        refused.append(_refusal(kind.kind, _key_if_readable(kind, row), "invalid", str(error), place))


def _refusal(kind: str, key: str, rule: str, reason: str, place: str) -> Verdict:
    return Verdict(kind=kind, key=key, outcome="refused", rule=rule, reason=reason, place=place)


def _key_if_readable(kind: type[Value], row: Raw) -> str:
    """Return the key of a record that is wrong elsewhere; empty where even that cannot be read."""
    try:
        fields = decode_json(row)
        return key_of(kind, {name: _read_name(kind, name, fields.get(name)) for name in kind.identity})
    except (InvalidInput, AttributeError):
        return ""


def _read_name(kind: type[Value], name: str, field: Any) -> Any:
    return Instant.read(field) if name in _instants(kind) else field


def _head(kind: type[Value], named: Mapping[str, Any], fields: Any) -> Head:
    if not isinstance(fields, dict):
        raise InvalidInput("a head must be a JSON object")
    device, number = fields.get("device"), fields.get("number")
    _check_dot(device, number)
    return Head(cast("str", device), cast("int", number), decode_value(kind, {**fields, **named}))


def _vector(fields: Mapping[str, Any]) -> dict[str, int]:
    vector = fields.get("vector") or {}
    if not isinstance(vector, dict) or len(vector) > _MAX_VECTOR:
        raise InvalidInput(f"vector must be an object of at most {_MAX_VECTOR} devices")
    for device, number in vector.items():
        _check_dot(device, number)
    return vector


def _check_dot(device: Any, number: Any) -> None:
    if not isinstance(device, str) or not 0 < len(device) <= 100 or not device.isprintable():
        raise InvalidInput("device must be a short text")
    if not isinstance(number, int) or isinstance(number, bool) or not 0 < number <= MAX_NUMBER:
        raise InvalidInput("number must be a whole number from 1 to 2^53 - 1")


def _is_deeper(fields: Any, room: int) -> bool:
    """Whether foreign data is nested so deep that somebody with a fuller stack could not write it again."""
    if isinstance(fields, dict):
        fields = fields.values()
    elif not isinstance(fields, list):
        return False
    return room < 0 or any(_is_deeper(field, room - 1) for field in fields)


def _head_fields(head: Head) -> dict[str, Any]:
    identity = _identity(type(head.value))
    fields = {name: field for name, field in value_fields(head.value).items() if name not in identity}
    return fields | {"device": head.device, "number": head.number}


@cache
def _names(kind: type[Value]) -> frozenset[str]:
    return frozenset(kind.__struct_encode_fields__) - {"extra"}


@cache
def _identity(kind: type[Value]) -> frozenset[str]:
    return frozenset(kind.identity)


@cache
def _instants(kind: type[Value]) -> frozenset[str]:
    return frozenset(field.encode_name for field in msgspec.structs.fields(kind) if field.type is Instant)


def _write(value: Any) -> Any:
    if isinstance(value, Instant):
        return value.write()
    if isinstance(value, FeedId | EpisodeId):
        return str.__str__(value)
    raise NotImplementedError(type(value))


def _read(wanted: type, value: Any) -> Any:
    return wanted.read(value)  # type: ignore[attr-defined]


_encoder = msgspec.json.Encoder(enc_hook=_write)
_FRAMES = (
    frozenset(_RequestFrame.__struct_fields__) | frozenset(_AnswerFrame.__struct_fields__) | {"type", "id", "after"}
)
