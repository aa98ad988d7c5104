"""What requests are signed with, where a provider wants more than a key in a header. Values only: who signs is elsewhere."""

import msgspec


class AwsKeys(msgspec.Struct, frozen=True, kw_only=True):
    """An access key of Amazon's, for Signature Version 4."""

    access_key_id: str
    secret_access_key: str
    session_token: str | None
    """None for a key that does not expire."""
    region: str
    service: str

    def __repr__(self) -> str:
        """Name nothing: a repr ends up in logs."""
        return "AwsKeys(…)"


class GoogleServiceAccount(msgspec.Struct, frozen=True, kw_only=True):
    """A service account of Google's, which is exchanged for access tokens of an hour (RFC 7523)."""

    client_email: str
    private_key: str
    """PEM."""
    token_uri: str
    scope: str

    def __repr__(self) -> str:
        """Name nothing: a repr ends up in logs."""
        return "GoogleServiceAccount(…)"


Signing = AwsKeys | GoogleServiceAccount
