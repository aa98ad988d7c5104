"""What the command line does: opens the books, serves, checks, and makes a first deployment. Decides nothing of its own.

Each part is imported by the commands that need it: the books take 0.2 s, and what serves takes 0.2 s more.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from tollway.billing.desk import Desk
from tollway.catalog.loader import Deployment
from tollway.cli.office import Finding, Health, Welcome
from tollway.errors import TollwayError
from tollway.parts import part
from tollway.settings import Settings
from tollway.settings.load import LOCAL_PROVIDER


class Office:
    """The program behind the commands: satisfies cli's Office."""

    def open_books(self, settings: Settings) -> AbstractContextManager[Desk]:
        """Open the store for a command; raises SetupError when it is of another schema version."""
        return part("tollway.desks").open_books(settings)

    def migrate(self, settings: Settings) -> str:
        """Bring the store to this program's schema version, creating it if need be; return the version."""
        # Alembic takes 0.1 s of it.
        _, version = part("tollway.store.migrate").migrate(settings.store.url)
        return str(version)

    def check(self, deployment: Deployment) -> tuple[Finding, ...]:
        """Look whether the deployment could serve: store, ledger, local model, port."""
        findings = [self._check_store(deployment.settings)]
        if deployment.settings.local_model.enabled:
            reason = part("tollway.local_model.supervisor").available()
            health = Health.GOOD if reason is None else Health.NOTE
            findings.append(Finding("local model", health, reason or "installed"))
        return tuple(findings)

    def _check_store(self, settings: Settings) -> Finding:
        try:
            with self.open_books(settings) as desk:
                report = desk.statements.ledger_check()
        except TollwayError as error:
            return Finding("store", Health.BAD, str(error))
        if report.problems:
            return Finding("store", Health.BAD, f"{len(report.problems)} problems: run tollway ledger check")
        return Finding("store", Health.GOOD, f"every balance is proven ({report.counts['exchanges']} requests)")

    def check_providers(self, deployment: Deployment) -> tuple[Finding, ...]:
        """Ask each provider what is small and free, such as its models; the local model is up only beside `up`."""
        providers = deployment.catalog.providers.items()
        asked = tuple(provider for name, provider in providers if name != LOCAL_PROVIDER)
        return part("tollway.provider_checks").check_providers(asked)

    def serve(self, deployment: Deployment, announce: Callable[[str], None]) -> None:
        """Serve until a stop is asked for; call `announce` with the URL once requests are answered."""

        def started(now: Any) -> None:  # noqa: ANN401 the module is not imported where a type could be named
            announce(now.url)

        part("tollway.serving").serve(deployment, started=started)

    def serve_worker(self, deployment: Deployment, *, descriptor: int, ready: Callable[[], None]) -> None:
        """Be one worker of a fleet, on a listening socket that was handed down."""
        part("tollway.serving").serve_worker(deployment, descriptor=descriptor, ready=ready)

    def up(self, deployment: Deployment, announce: Callable[[Welcome], None]) -> None:
        """Make what is missing (store, account, keys), serve, and call `announce` once requests are answered."""
        part("tollway.first_start").up(deployment, announce)
