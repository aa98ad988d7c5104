"""The options that every command has, and which deployment they choose. Knows no command."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from tollway.catalog.loader import Deployment, deploy, read_deployment
from tollway.errors import CommandRefused, SetupError
from tollway.settings import LocalModelSettings, SecretUse, Settings, built_in_settings, load_settings

DATA = Path("tollway-data")
"""Where a deployment without a settings file keeps its books."""

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        envvar="TOLLWAY_CONFIG",
        metavar="FILE",
        help="The settings file, or the data folder of a deployment without one.  [default: ./tollway-data]",
    ),
]
AccountId = Annotated[str, typer.Argument(metavar="ACCOUNT", help="An account's id: acct_…", show_default=False)]
OfAccount = Annotated[
    str | None, typer.Option("--account", metavar="ACCOUNT", help="Only this account's: acct_…", show_default=False)
]
OfSubAccount = Annotated[
    str | None,
    typer.Option("--sub-account", metavar="SUB_ACCOUNT", help="Only this sub-account's: sa_…", show_default=False),
]
OfKey = Annotated[str | None, typer.Option("--key", metavar="KEY", help="Only this key's: key_…", show_default=False)]
Tag = Annotated[str | None, typer.Option("--tag", help="Only with this tag.", show_default=False)]
EndUser = Annotated[str | None, typer.Option("--end-user", help="Only this end user's.", show_default=False)]
Session = Annotated[str | None, typer.Option("--session", help="Only of this session.", show_default=False)]
First = Annotated[
    str | None,
    typer.Option(
        "--from",
        metavar="TIME",
        help="From a day, a month or a time on: 2026-01-31, 2026-01, 2026-01-31T12:00.",
        show_default=False,
    ),
]
Last = Annotated[
    str | None,
    typer.Option("--to", metavar="TIME", help="Up to a time, or a day or month with all of it.", show_default=False),
]
Csv = Annotated[bool, typer.Option("--csv", help="Print lines for a spreadsheet.")]
Limit = Annotated[int, typer.Option("--limit", min=1, max=1000, help="How many, newest first.")]


def choose_settings(config: Path | None) -> Settings:
    """Return the settings for a command about the books, which needs no provider's secret; raises SetupError."""
    if config is not None and not config.is_dir():
        return load_settings(config, secrets=SecretUse.LEAVE)
    return _built_in(config)


def choose_settings_with_secrets(config: Path | None) -> Settings:
    """Return the settings for a command that speaks to the payment provider; raises SetupError."""
    if config is not None and not config.is_dir():
        return load_settings(config, secrets=SecretUse.RESOLVE)
    return _built_in(config)


def choose_deployment(config: Path | None, *, secrets: SecretUse) -> Deployment:
    """Return the deployment that a command is about; raises SetupError."""
    if config is not None and not config.is_dir():
        return read_deployment(config, secrets=secrets)
    return deploy(_built_in(config))


def _built_in(folder: Path | None) -> Settings:
    data = DATA if folder is None else folder
    if not (data / "tollway.db").exists():
        raise SetupError(
            (f"there is no deployment in {data}: pass --config FILE, set TOLLWAY_CONFIG, or start with `tollway up`",)
        )
    return built_in_settings(data, local_model=LocalModelSettings(enabled=True))


def parse_expiry(text: str | None) -> int | None:
    """Return the milliseconds since 1970 of a date or time such as 2027-01-31, in UTC unless it says otherwise."""
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise CommandRefused(f"{text!r} is not a date or time such as 2027-01-31 or 2027-01-31T12:00:00Z") from None
    return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)
