"""What accounts, devices and clients are called."""

from balados_shared.errors import InvalidInput


def plain(text: str, what: str, longest: int) -> str:
    """Return a text that is fit to be shown. `what` names it in the error. Raises InvalidInput."""
    if not 0 < len(text) <= longest or not text.isprintable():
        raise InvalidInput(f"{what} must have 1 to {longest} characters that can be shown")
    return text
