"""The options of commands about keys and about how fast they may ask. Knows no command."""

from typing import Annotated

import typer
from msgspec import UNSET

from tollway.access.limits import RateChange

KeyName = Annotated[str, typer.Option("--name", help="What people call it.", show_default=False)]
KeyId = Annotated[str, typer.Argument(metavar="KEY", help="A key's id: key_…", show_default=False)]
Rpm = Annotated[
    int | None, typer.Option("--rpm", help="Requests in any 60 seconds; 0 is no limit.", show_default=False)
]
Burst = Annotated[
    int | None, typer.Option("--burst", help="Requests in any 10 seconds; 0 is no limit.", show_default=False)
]
Tpm = Annotated[int | None, typer.Option("--tpm", help="Tokens in any 60 seconds; 0 is no limit.", show_default=False)]
Concurrency = Annotated[
    int | None,
    typer.Option("--concurrency", help="Requests that run at a time; 0 is no limit.", show_default=False),
]


def listed(text: str) -> tuple[str, ...]:
    """Return the parts of a list with commas; none of an empty one."""
    return tuple(part.strip() for part in text.split(",")) if text.strip() else ()


def rate_change(*, rpm: int | None, burst: int | None, tpm: int | None, concurrency: int | None) -> RateChange:
    """Return what options say of limits; what is left out stays."""
    return RateChange(
        rpm=UNSET if rpm is None else rpm,
        burst=UNSET if burst is None else burst,
        tpm=UNSET if tpm is None else tpm,
        concurrency=UNSET if concurrency is None else concurrency,
    )
