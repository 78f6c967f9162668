"""What a client hears whose request was cut off, because the program is stopping.

Law: to be stopped is no error: it leaves no traceback, and the client is told to come again.
"""

from asyncio import CancelledError

from balados_shared.http.asgi import App, Message, Receive, Scope, Send
from balados_shared.http.problems import raw_answer
from balados_shared.problems import unavailable


class Interruption:
    """An ASGI layer that ends a cancelled request in good order: 503 if nothing was answered yet."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        started = False

        async def send_noting(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, send_noting)
        except CancelledError:
            # The server cancels only the whole task of a request, and this is its end.
            if scope["type"] == "http" and not started:
                for message in raw_answer(unavailable("STOPPING", "The program is stopping", retry_after=5)):
                    await send(message)
