"""The first start of a deployment without settings: an account, credit and keys are made, then it serves.

Knows no command line: what is to be said is handed to who says it.
"""

import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import msgspec

from tollway.billing.desk import Desk
from tollway.catalog.loader import Deployment
from tollway.cli.office import Welcome
from tollway.errors import SetupError
from tollway.local_model.weights import MODEL_ID
from tollway.money import NANOS_PER_UNIT
from tollway.parts import part
from tollway.serving import Started, data_folder, serve

FIRST_CREDIT_NANOS = 5 * NANOS_PER_UNIT
"""What the first account of a zero-configuration deployment gets: enough for weeks of the local model."""

FIRST_KEYS_FILE = "first-keys.json"
"""Beside the embedded store, readable by its owner only. Keys are stored hashed and shown once; this file is the
exception that lets `tollway up` print the same key on the second day. Delete it and `up` makes new ones."""


class FirstKeys(msgspec.Struct, frozen=True, kw_only=True):
    """What `tollway up` made on its first start."""

    account: str
    api_key: str
    admin_key: str


def up(deployment: Deployment, announce: Callable[[Welcome], None]) -> None:
    """Make what is missing (store, account, keys), serve, and call `announce` once requests are answered."""
    made: list[FirstKeys] = []

    def started(now: Started) -> None:
        (keys,) = made
        local = now.local_model == "ready"
        model = MODEL_ID if local else next(iter(deployment.catalog.models), None)
        announce(
            Welcome(
                url=now.url,
                api_key=keys.api_key,
                admin_key=keys.admin_key,
                console_url=None,
                model=model,
                notes=() if local else (f"  No local model: {now.local_model}.",),
            )
        )

    serve(deployment, started=started, first=lambda: made.append(_first_keys(deployment)))


def _first_keys(deployment: Deployment) -> FirstKeys:
    """Return the keys of the first start, making account, credit and keys where there are none yet."""
    path = data_folder(deployment) / FIRST_KEYS_FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=FirstKeys)
    except FileNotFoundError:
        pass
    except (OSError, msgspec.DecodeError) as error:
        raise SetupError((f"{path}: cannot be read ({error}): mend or delete it, then new keys are made",)) from None
    books: AbstractContextManager[Desk] = part("tollway.desks").open_books(deployment.settings)
    with books as desk:
        currency = deployment.settings.billing.currency
        account = desk.accounts.create("first", currency, FIRST_CREDIT_NANOS)
        _, api_key = desk.keys.create(account.id, "first")
        _, admin_key = desk.admin_keys.create("first")
    keys = FirstKeys(account=f"{account.id:016x}", api_key=api_key, admin_key=admin_key)
    write_private(path, msgspec.json.encode(keys))
    return keys


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner can read, from its first byte on."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
