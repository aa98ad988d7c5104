"""What a provider lets requests in for: the key in its header, or what they are signed with. Knows no address."""

from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from tollway.catalog.presets import AuthScheme, AuthTable, Need, Preset
from tollway.catalog.signing import AwsKeys, GoogleServiceAccount, Signing
from tollway.settings import Mistakes, ProviderSettings
from tollway.settings.own_providers import AuthChoice
from tollway.settings.secret import Secret

TOKEN_URI = "https://oauth2.googleapis.com/token"  # noqa: S105  no secret
"""Where a service account's file that names no other is exchanged for tokens."""

PEM_FRAME = "-----"

LINE_CHARACTERS_MIN = 16
"""A shorter line of a private key tells nothing, and may stand in any text."""

SECRET_FIELDS = ("api_key", "access_key_id", "secret_access_key", "session_token", "credentials_file")

_TAKEN: Mapping[AuthScheme, tuple[str, ...]] = {
    AuthScheme.BEARER: ("api_key",),
    AuthScheme.HEADER: ("api_key",),
    AuthScheme.AWS: ("api_key", "access_key_id", "secret_access_key", "session_token"),
    AuthScheme.GOOGLE: ("credentials_file",),
    AuthScheme.NONE: (),
}
"""The settings that each scheme takes."""


class Credentials(NamedTuple):
    """What goes with each request, and what of it must never be shown."""

    headers: tuple[tuple[str, str], ...] = ()
    secrets: tuple[str, ...] = ()
    signing: Signing | None = None


class _AccountFile(msgspec.Struct, frozen=True):
    """What is read of a service account's JSON file."""

    client_email: str
    private_key: str
    token_uri: str = TOKEN_URI


class Place(NamedTuple):
    """Where mistakes are noted."""

    name: str
    mistakes: Mistakes

    def add(self, key: str, text: str) -> None:
        """Note a mistake at one key of the provider."""
        self.mistakes.add(f"{self.name}: {key}", text)


def credentials_of(settings: ProviderSettings, preset: Preset, region: str, place: Place) -> Credentials:
    """Return what an operator gave of what the preset's scheme wants, and note what is missing or too much."""
    auth = preset.auth
    if settings.auth is AuthChoice.PASSTHROUGH:
        return _clients_own(settings, auth, preset, place)
    for field in SECRET_FIELDS:
        if getattr(settings, field) is not None and field not in _TAKEN[auth.scheme]:
            place.add(field, f"is nothing that {preset.title} takes; {_wanted(auth)}")
    if settings.api_key is not None and auth.scheme in (AuthScheme.BEARER, AuthScheme.HEADER, AuthScheme.AWS):
        return _with_key(settings.api_key, auth.header)
    if auth.scheme is AuthScheme.AWS:
        return _aws(settings, preset, region, place)
    if auth.scheme is AuthScheme.GOOGLE:
        return _google(settings, preset, place)
    if auth.key is Need.REQUIRED and auth.scheme is not AuthScheme.NONE:
        place.add("api_key", f'is missing: {preset.title} wants one, such as api_key = "env:NAME"')
    return Credentials()


def _clients_own(settings: ProviderSettings, auth: AuthTable, preset: Preset, place: Place) -> Credentials:
    """Return nothing, which is what goes to a provider beside the key of its client."""
    if auth.scheme is AuthScheme.NONE:
        place.add("auth", f"cannot be passthrough: {preset.title} takes no key")
    for field in SECRET_FIELDS:
        if getattr(settings, field) is not None:
            place.add(field, 'has no use beside auth = "passthrough": each request brings its own key; leave it out')
    return Credentials()


def _wanted(auth: AuthTable) -> str:
    taken = _TAKEN[auth.scheme]
    return f"it takes {', '.join(taken)}" if taken else "it takes no key"


def _with_key(key: Secret, header: str | None) -> Credentials:
    value = key.reveal()
    sent = ("authorization", f"Bearer {value}") if header is None else (header, value)
    return Credentials(headers=(sent,), secrets=_shown_never(value))


def _shown_never(*texts: str | None) -> tuple[str, ...]:
    """Return what is to be struck; a secret that was left unread is empty, and is everywhere."""
    return tuple(text for text in texts if text)


def _aws(settings: ProviderSettings, preset: Preset, region: str, place: Place) -> Credentials:
    key_id, secret = settings.access_key_id, settings.secret_access_key
    if key_id is None or secret is None:
        if key_id is None and secret is None:
            place.add(
                "access_key_id",
                f"is missing: {preset.title} wants it with secret_access_key, or an api_key in the place of both",
            )
        elif key_id is None:
            place.add("access_key_id", "is missing beside secret_access_key")
        else:
            place.add("secret_access_key", "is missing beside access_key_id")
        return Credentials()
    token = settings.session_token
    signing = AwsKeys(
        access_key_id=key_id.reveal(),
        secret_access_key=secret.reveal(),
        session_token=None if token is None else token.reveal(),
        region=region,
        service=preset.auth.service or "",
    )
    said = _shown_never(signing.access_key_id, signing.secret_access_key, signing.session_token)
    return Credentials(secrets=said, signing=signing)


def _google(settings: ProviderSettings, preset: Preset, place: Place) -> Credentials:
    if settings.credentials_file is None:
        place.add("credentials_file", f"is missing: {preset.title} wants the JSON file of a service account")
        return Credentials()
    text = settings.credentials_file.reveal()
    if not text:  # left unread
        return Credentials()
    try:
        account = msgspec.json.decode(text, type=_AccountFile)
    except msgspec.MsgspecError:
        place.add(
            "credentials_file",
            "is not the JSON file of a service account, which has client_email and private_key: make a key for the "
            "account in Google Cloud's console and download it",
        )
        return Credentials()
    lines = [
        line
        for line in account.private_key.splitlines()
        if len(line) >= LINE_CHARACTERS_MIN and not line.startswith(PEM_FRAME)
    ]
    signing = GoogleServiceAccount(
        client_email=account.client_email,
        private_key=account.private_key,
        token_uri=account.token_uri,
        scope=preset.auth.scope or "",
    )
    return Credentials(secrets=_shown_never(account.private_key, *lines), signing=signing)
