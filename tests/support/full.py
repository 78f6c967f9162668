"""An app that may do everything with an account of its own."""

from balados_relay.app import Relay
from balados_relay.storage import accounts as storage
from balados_shared.tokens import new_key, public_pem
from support.apps import App


async def full_app(relay: Relay, app_id: str = "org.example.web", account: str = "ada") -> App:
    """Give a new app all scopes."""
    paired = await App.paired(relay, account, "elsewhere")
    key, now = new_key(), relay.clock()
    owner = relay.accounts.peek(await relay.accounts.invite(account), source="here")
    grant = storage.Grant(owner.id, app_id, public_pem(key), "Web", now, name="Web", scopes="*")
    await relay.database.write(lambda connection: storage.add_grant(connection, grant))
    return App(relay, "web", app_id, paired.user_id, key)
