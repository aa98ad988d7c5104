"""A client's words for its own users and caches, where an API bounds their length. Knows no dialect.

Such a word only tells one from another: a sum of all of it does the same, and says less of whom it stands for. Agents
send whole JSON objects as their user's id.
"""

from hashlib import sha256


def shortened(text: str, chars_max: int) -> str:
    """Return the very word where it is no longer than allowed, else its sum, of 64 characters."""
    return text if len(text) <= chars_max else sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
