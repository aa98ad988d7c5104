"""Tollway in every setting that is measured: how its store keeps charges, how many workers, what a key is held to. Data only."""

from dataclasses import dataclass

from peers import TOLLWAY

NORMAL = f"{TOLLWAY}, durability normal"
WORKERS = f"{TOLLWAY}, 2 workers"
CAPPED = f"{TOLLWAY}, caps and limits"
POSTGRES = f"{TOLLWAY}, PostgreSQL"
ONE_KEY = f"{TOLLWAY}, 1 key"
SOME_KEYS = f"{TOLLWAY}, 10,000 keys"
MANY_KEYS = f"{TOLLWAY}, 100,000 keys"

PLENTY = str(10**9)
"""A limit that is counted against and never reached."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filling:
    """What stands in a store before the first request."""

    keys: int
    charges: int
    accounts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """How one Tollway differs from the others."""

    durability: str = "full"
    workers: int = 1
    key_options: tuple[str, ...] = ()
    store: str = "sqlite"
    filling: Filling | None = None


SETTINGS = {
    TOLLWAY: Setting(),
    NORMAL: Setting(durability="normal"),
    WORKERS: Setting(workers=2),
    CAPPED: Setting(
        key_options=(
            *("--daily-cap", "100000", "--monthly-cap", "200000", "--total-cap", "300000"),
            *("--rpm", PLENTY, "--burst", PLENTY, "--tpm", PLENTY, "--concurrency", "100000"),
        )
    ),
    POSTGRES: Setting(store="postgresql"),
    ONE_KEY: Setting(filling=Filling(keys=1, charges=1, accounts=1)),
    SOME_KEYS: Setting(filling=Filling(keys=10_000, charges=100_000, accounts=100)),
    MANY_KEYS: Setting(filling=Filling(keys=100_000, charges=1_000_000, accounts=1_000)),
}
