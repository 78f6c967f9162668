"""The socket a server listens on.

Law: a program that cannot listen says why in one sentence, before it does anything else.
"""

import errno
import socket

from balados_shared.errors import BaladosError

_BACKLOG = 2_048
_LAST_PORT = 65_535

_WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}

_WHY_NOT = {
    errno.EADDRINUSE: "it is already in use. Stop the other program, or choose another port",
    errno.EACCES: "this user may not use it. Choose a port above 1023",
    errno.EADDRNOTAVAIL: "this machine has no such address",
}


def listen(host: str, port: int) -> socket.socket:
    """Return a listening TCP socket. Raises BaladosError with the reason when that is not possible."""
    if not 0 <= port <= _LAST_PORT:
        raise BaladosError(f"{port} is not a port; ports are 0 to {_LAST_PORT}.")
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0][0]
        # It sets SO_REUSEADDR where that is safe, so that a restart need not wait for old connections to fade.
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        why = _WHY_NOT.get(error.errno or 0, error.strerror or "unknown reason")
        raise BaladosError(f"Cannot listen on {host} port {port}: {why}.") from error


def base_url(listener: socket.socket) -> str:
    """Return the URL under which this machine reaches a listening socket."""
    host, port = listener.getsockname()[:2]
    host = _WILDCARDS.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
