"""What the command line needs of the program around it, which app.py gives it. Opens nothing itself."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from enum import StrEnum
from typing import NamedTuple, Protocol

from tollway.billing.desk import Desk
from tollway.catalog.loader import Deployment
from tollway.settings import Settings


class Health(StrEnum):
    """How one thing is."""

    GOOD = "good"
    NOTE = "note"
    """Worth knowing; nothing to mend."""
    BAD = "bad"


class Finding(NamedTuple):
    """What a check found."""

    subject: str
    """What was looked at, such as `store` or a provider's name."""
    health: Health
    text: str
    """One line; names no secret."""


class Welcome(NamedTuple):
    """What `up` says when it serves."""

    url: str
    """Scheme, host and port. An OpenAI client's base URL is this and `/v1`; every other path stands beside that."""
    api_key: str
    admin_key: str
    console_url: str | None
    model: str | None
    """A model to try first; None when none is configured."""
    notes: tuple[str, ...] = ()
    """Lines for people, such as why there is no local model."""


class Office(Protocol):
    """The program behind the commands. Errors are SetupError, CommandRefused or OSError, said in one line each."""

    def open_books(self, settings: Settings) -> AbstractContextManager[Desk]:
        """Open the store for a command; refuses one of another schema version."""
        ...

    def migrate(self, settings: Settings) -> str:
        """Bring the store to this program's schema version, creating it if need be; return the version."""
        ...

    def check(self, deployment: Deployment) -> tuple[Finding, ...]:
        """Look whether the deployment could serve: store, schema, ledger, local model."""
        ...

    def check_providers(self, deployment: Deployment) -> tuple[Finding, ...]:
        """Ask each provider for something small and free, to see that its address and key are good."""
        ...

    def serve(self, deployment: Deployment, announce: Callable[[str], None]) -> None:
        """Serve until a stop is asked for; call `announce` with scheme, host and port once requests are answered."""
        ...

    def serve_worker(self, deployment: Deployment, *, descriptor: int, ready: Callable[[], None]) -> None:
        """Be one of several workers, on a listening socket that was handed down; call `ready` once it serves."""
        ...

    def up(self, deployment: Deployment, announce: Callable[[Welcome], None]) -> None:
        """Make what is missing (store, account, keys), serve, and call `announce` once requests are answered."""
        ...
