"""The relay over HTTP. The only place that sends requests to it; its errors are sorted here, at the door."""

import secrets
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from balados_daemon.storage.device import Device, Relay
from balados_daemon.sync.line import Apply, RelayRefused, RelayUnavailable, trouble
from balados_shared.errors import InvalidInput
from balados_shared.http.encodings import pack
from balados_shared.storage.log import Event
from balados_shared.times import SECOND
from balados_shared.tokens import sign_request
from balados_shared.wire import SyncAnswer, decode_answer, decode_json

if TYPE_CHECKING:
    from balados_shared.web import httpx

T = TypeVar("T")

TIMEOUT = 30.0
WORTH_PACKING = 2_000
"""Bytes of a body."""

JSON = {"Content-Type": "application/json"}


class _Device(Struct):
    device_id: str
    name: str


class _Devices(Struct):
    devices: list[_Device]


class _Events(Struct):
    events: list[Event]


class RelayHttp:
    """Requests to the relay at `url`. Use as an async context manager. No request carries a token of its own accord."""

    def __init__(self, url: str, *, timeout: float = TIMEOUT) -> None:
        self._url = url.rstrip("/")
        self._timeout = timeout
        self._is_near = is_near(url)
        self._client: httpx.AsyncClient | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        if self._client is not None:
            await self._client.aclose()

    async def request(
        self,
        method: str,
        path: str,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        **query: str,
    ) -> "httpx.Response":
        """Send a request and return whatever the relay answers. Raises RelayUnavailable when there is no answer."""
        from balados_shared.web import httpx

        body, packing = self._packed(body)
        try:
            if self._client is None:
                verify = urlsplit(self._url).scheme != "http"
                self._client = httpx.AsyncClient(timeout=self._timeout, verify=verify, trust_env=not self._is_near)
            return await self._client.request(
                method,
                f"{self._url}/api/v1{path}",
                content=body,
                headers={**JSON, **packing, **(headers or {})},
                params=query,
            )
        except httpx.HTTPError as error:
            raise RelayUnavailable(f"the relay cannot be reached ({_plain(error)})") from None
        except httpx.InvalidURL:
            raise RelayRefused("the relay's address is not a URL") from None
        except (ImportError, ValueError) as error:
            raise RelayUnavailable(f"the proxy of this machine cannot be used ({_plain(error)})") from None

    def _packed(self, body: bytes | None) -> tuple[bytes | None, dict[str, str]]:
        """Return a body as it is best sent, and the headers that say so."""
        if self._is_near:
            return body, {"Accept-Encoding": "identity"}
        if body is None or len(body) < WORTH_PACKING:
            return body, {"Accept-Encoding": "gzip"}
        return pack("zstd", body), {"Accept-Encoding": "gzip", "Content-Encoding": "zstd"}


class RelayClient:
    """Signed requests of one paired device. `clock` gives our time in milliseconds, corrected as far as we know."""

    def __init__(self, http: RelayHttp, relay: Relay, device: Device, clock: Callable[[], int]) -> None:
        self._http = http
        self._relay = relay
        self._device = device
        self._clock = clock
        self._correction = 0

    def token(self) -> str:
        """Sign a fresh request token; each is good for one write."""
        return sign_request(
            self._relay.key,
            app_id=self._relay.app_id,
            user_id=self._relay.user_id,
            device_id=self._device.id,
            device_name=self._device.name,
            now=self._clock() + self._correction,
            token_id=secrets.token_urlsafe(12),
        )

    async def exchange(self, body: bytes, apply: Apply) -> None:
        """Do one `POST /api/v1/sync`."""
        response = await self._signed("POST", "/sync", body=body)
        await apply(_answer(response.content))

    async def devices(self) -> dict[str, str]:
        """Return the names of the account's devices, by id."""
        rows = read_fields(await self._signed("GET", "/devices"), _Devices).devices
        return {row.device_id: row.name for row in rows}

    async def events(self, kind: str, key: str) -> list[Event]:
        """Return what the relay's log holds of a record: also changes that lost there and never came here."""
        return read_fields(await self._signed("GET", "/events", record=f"{kind}/{key}"), _Events).events

    async def _signed(self, method: str, path: str, *, body: bytes | None = None, **query: str) -> "httpx.Response":
        response = await self._http.request(method, path, body=body, headers=self._authorization(), **query)
        if response.status_code == 401 and self._learn_time(response):
            response = await self._http.request(method, path, body=body, headers=self._authorization(), **query)
        return succeeded(response)

    def _authorization(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token()}"}

    def _learn_time(self, response: "httpx.Response") -> bool:
        """Take the relay's time from a refusal, so that a wrong clock does not lock us out. True when it was off."""
        try:
            theirs = int(parsedate_to_datetime(response.headers.get("Date", "")).timestamp() * 1_000)
        except ValueError:
            return False
        correction = theirs - self._clock()
        learnt = abs(correction - self._correction) > 30 * SECOND
        self._correction = correction
        return learnt


def succeeded(response: "httpx.Response") -> "httpx.Response":
    """Return a successful answer, or raise what the other kind means."""
    if response.is_success:
        return response
    try:
        problem = decode_json(response.content)
    except InvalidInput:
        problem = None
    fields = problem if isinstance(problem, dict) else {}
    code, message = str(fields.get("error_code", "")), str(fields.get("message", response.reason_phrase))
    raise trouble(response.status_code, code, message, response.headers.get("Retry-After"))


def read_fields(response: "httpx.Response", form: type[T]) -> T:
    """Read an answer of a known form. Raises RelayUnavailable for any other: that is not our relay speaking."""
    try:
        return msgspec.json.decode(response.content, type=form)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise RelayUnavailable("the relay's answer cannot be read") from None


def is_near(url: str) -> bool:
    """Whether a relay is on this machine: then no proxy is asked, and packing costs more than it saves."""
    return urlsplit(url).hostname in ("127.0.0.1", "::1", "localhost")


def live_url(url: str) -> str:
    """Return the address of the relay's live connection."""
    return "ws" + url.rstrip("/").removeprefix("http") + "/api/v1/live"


def _answer(content: bytes) -> SyncAnswer:
    try:
        return decode_answer(content)
    except InvalidInput as error:
        raise RelayUnavailable(f"the relay's answer cannot be read: {error}") from None


def _plain(error: Exception) -> str:
    """Name an error without what it may quote of the address."""
    return type(error).__name__
