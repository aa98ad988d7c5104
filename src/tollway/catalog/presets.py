"""The presets: what is known of each provider, one TOML file each in `providers/`. Knows no deployment and no secret."""

import tomllib
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from tollway.catalog.base_url import BaseUrlError, parse_base_url
from tollway.catalog.records import AfterLeave, Reach, StreamUsage
from tollway.settings import Mistakes, ModelSettings
from tollway.settings.fields import Reading
from tollway.settings.tables import read_table

PRESETS = Path(__file__).parent / "providers"

LOCAL_PRESET = "local"
"""The preset of the small model that Tollway itself runs."""


class Auth(StrEnum):
    """Whether a provider wants a key, which is sent as `authorization: Bearer …`."""

    REQUIRED = "required"
    OPTIONAL = "optional"
    """Servers that people run themselves: with a key where one was set up."""


class PresetProfile(msgspec.Struct, frozen=True, kw_only=True):
    """`[profile]` of a preset: what the provider varies inside its dialect."""

    stream_usage: StreamUsage = StreamUsage.ASKED
    after_leave: AfterLeave = AfterLeave.CANCEL
    renames: Mapping[str, str] = {}
    output_limit: Annotated[str, Meta(min_length=1)] = "max_tokens"


class Preset(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a provider before an operator says anything."""

    title: Annotated[str, Meta(min_length=1)]
    documentation: Annotated[str, Meta(pattern="^https://")]
    """Where its API is described: the evidence for everything else in the file."""
    dialect: str
    base_url: str | None = None
    """None when every operator has another."""
    auth: Auth = Auth.REQUIRED
    prices: str | None = None
    """What the price library calls it."""
    profile: PresetProfile = PresetProfile()
    models: tuple[ModelSettings, ...] = ()
    """Models that exist wherever the provider does; only the local one has any."""


def preset_names(folder: Path = PRESETS) -> tuple[str, ...]:
    """Return the names of all presets, in order."""
    return tuple(sorted(path.stem for path in folder.glob("*.toml")))


def read_preset(name: str, folder: Path = PRESETS) -> Preset:
    """Return one preset; raises SetupError with every mistake in its file, and KeyError when there is none."""
    path = folder / f"{name}.toml"
    if name not in preset_names(folder):
        raise KeyError(name)
    mistakes = Mistakes(str(path))
    document = tomllib.loads(path.read_text(encoding="utf-8"))
    preset = read_table(Preset, document, "preset", Reading(mistakes=mistakes, folder=folder))
    if preset.base_url is not None:
        try:
            parse_base_url(preset.base_url, reach=Reach.PUBLIC)
        except BaseUrlError as error:
            mistakes.add("preset: base_url", str(error))
    mistakes.raise_if_any()
    return preset
