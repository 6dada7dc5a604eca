"""What can be stored as text."""


def is_unstorable(text: str) -> bool:
    """PostgreSQL stores neither NUL nor half a surrogate pair."""
    return "\x00" in text or any("\ud800" <= char <= "\udfff" for char in text)
