"""The presets: what is known of each provider, one TOML file each in `providers/`. Knows no deployment and no secret."""

import difflib
import re
import tomllib
from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Annotated, cast

import msgspec
from msgspec import Meta

from tollway.catalog.base_url import BaseUrlError, parse_base_url
from tollway.catalog.profiles import ProfileTable, RuleTable, Word
from tollway.catalog.records import ErrorMeaning, Reach
from tollway.catalog.templates import MODEL_PLACE, VALUE, filled, places
from tollway.settings import Mistakes, ModelSettings
from tollway.settings.fields import Reading
from tollway.settings.tables import Record, read_table

PRESETS = Path(__file__).parent / "providers"

LOCAL_PRESET = "local"
"""The preset of the small model that Tollway itself runs."""

DIALECT_NAMES = (
    "openai_chat",
    "openai_completions",
    "openai_responses",
    "openai_embeddings",
    "openai_images",
    "openai_image_edits",
    "openai_speech",
    "openai_transcriptions",
    "openai_speech_translations",
    "openai_moderations",
    "rerank",
    "anthropic_messages",
    "anthropic_count_tokens",
    "gemini",
    "gemini_count_tokens",
    "gemini_embed",
    "gemini_embed_one",
    "ollama_chat",
    "ollama_generate",
    "ollama_embed",
    "ollama_embeddings",
    "cohere_chat",
    "cohere_embed",
    "bedrock_converse",
)
"""What a provider may speak. The dialects themselves stand beside the catalog, not below it; a test compares the names."""

_HEADER = re.compile(r"[a-z][a-z0-9-]*")


class AuthScheme(StrEnum):
    """How requests are let in."""

    BEARER = "bearer"
    """By `authorization: Bearer KEY`."""
    HEADER = "header"
    """By the key alone in a header of the provider's own."""
    AWS = "aws"
    """By Amazon's signatures, or by a key of theirs as a bearer."""
    GOOGLE = "google-service-account"
    """By access tokens for a service account of Google's."""
    NONE = "none"


class Need(StrEnum):
    """Whether a provider wants a key at all."""

    REQUIRED = "required"
    OPTIONAL = "optional"
    """Servers that people run themselves: with a key where one was set up."""


class AuthTable(msgspec.Struct, frozen=True, kw_only=True):
    """`[auth]` of a preset."""

    scheme: AuthScheme = AuthScheme.BEARER
    key: Need = Need.REQUIRED
    header: str | None = None
    """Where the key goes, in lower case; of scheme `header` alone."""
    service: str | None = None
    """As the signature names it; of scheme `aws` alone."""
    region: str | None = None
    """The same; a template."""
    scope: str | None = None
    """What access is asked for; of scheme `google-service-account` alone."""


_OF_SCHEME: Mapping[AuthScheme, tuple[str, ...]] = {
    AuthScheme.BEARER: (),
    AuthScheme.HEADER: ("header",),
    AuthScheme.AWS: ("service", "region"),
    AuthScheme.GOOGLE: ("scope",),
    AuthScheme.NONE: (),
}


class ParameterTable(msgspec.Struct, frozen=True, kw_only=True):
    """`[parameters.NAME]` of a preset: what an operator fills its addresses in with."""

    about: Word
    """What it is, as messages and the documents say it."""
    default: str | None = None
    """None where every operator has another."""


class DialectTable(ProfileTable, frozen=True, kw_only=True):
    """`[dialects.NAME]` of a preset."""

    base_url: str | None = None
    """Where this dialect is spoken elsewhere than at the preset's `base_url`; a template."""
    below: str = ""
    """What follows the path of `base_url` in this dialect; a template."""
    path: str | None = None
    """In the place of the dialect's own; a template, `{model}` too."""
    streamed_path: str | None = None
    only: tuple[str, ...] = ()
    never: tuple[str, ...] = ()
    models: tuple[RuleTable, ...] = ()

    @property
    def templates(self) -> dict[str, str]:
        """What has places for parameters, by its key."""
        keys = ("base_url", "below", "path", "streamed_path")
        return {key: value for key in keys if (value := getattr(self, key))}


class _PresetTable(msgspec.Struct, frozen=True, kw_only=True):
    """A preset as its file has it."""

    title: Word
    documentation: Annotated[str, Meta(pattern="^https://")]
    base_url: str | None = None
    check: str | None = None
    prices: str | None = None
    auth: AuthTable = AuthTable()
    headers: Mapping[str, str] = {}
    errors: Mapping[str, ErrorMeaning] = {}
    parameters: Mapping[str, object] = {}
    dialects: Mapping[str, object] = {}
    models: tuple[ModelSettings, ...] = ()


class Preset(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a provider before an operator says anything."""

    title: str
    documentation: str
    """Where its API is described: the evidence for everything else in the file."""
    base_url: str | None
    """A template; None when every operator has another."""
    check: str | None
    """A path that answers without cost whether the key is good, below the base URL of the first dialect."""
    prices: str | None
    """What the price library calls it."""
    auth: AuthTable
    headers: Mapping[str, str]
    """What goes with every request beside the key."""
    errors: Mapping[str, ErrorMeaning]
    """What its errors are about, by code, type or words of the message, where their status does not say it."""
    parameters: Mapping[str, ParameterTable]
    dialects: Mapping[str, DialectTable]
    """In order of preference."""
    models: tuple[ModelSettings, ...]
    """Models that exist wherever the provider does; only the local one has any."""


def preset_names(folder: Path = PRESETS) -> tuple[str, ...]:
    """Return the names of all presets, in order."""
    return tuple(sorted(path.stem for path in folder.glob("*.toml")))


@cache
def read_preset(name: str, folder: Path = PRESETS) -> Preset:
    """Return one preset; raises SetupError with every mistake in its file, and KeyError when there is none."""
    path = folder / f"{name}.toml"
    if name not in preset_names(folder):
        raise KeyError(name)
    mistakes = Mistakes(str(path))
    reading = Reading(mistakes=mistakes, folder=folder)
    table = read_table(_PresetTable, tomllib.loads(path.read_text(encoding="utf-8")), "preset", reading)
    preset = Preset(
        title=table.title,
        documentation=table.documentation,
        base_url=table.base_url,
        check=table.check,
        prices=table.prices,
        auth=table.auth,
        headers=table.headers,
        errors=table.errors,
        parameters=_read_named(ParameterTable, table.parameters, "parameters", reading),
        dialects=_read_named(DialectTable, table.dialects, "dialects", reading),
        models=table.models,
    )
    _check(preset, mistakes)
    mistakes.raise_if_any()
    return preset


def _read_named(record: type[Record], tables: Mapping[str, object], key: str, reading: Reading) -> Mapping[str, Record]:
    return {name: read_table(record, table, f"{key}.{name}", reading) for name, table in tables.items()}


def unknown_dialect(name: str) -> str:
    """Return the sentence about a dialect that is none."""
    close = difflib.get_close_matches(name, DIALECT_NAMES, n=1)
    return "is no dialect; " + (f"did you mean {close[0]}?" if close else f"there are: {', '.join(DIALECT_NAMES)}")


def unknown_preset(name: str, known: tuple[str, ...]) -> str:
    """Return the sentence about a preset that is none of those that are known."""
    close = difflib.get_close_matches(name, known, n=1)
    return f'"{name}" is no preset; ' + (f"did you mean {close[0]}?" if close else f"there are: {', '.join(known)}")


def _check(preset: Preset, mistakes: Mistakes) -> None:
    """Note what one value cannot say alone."""
    _check_auth(preset.auth, mistakes)
    if preset.check is not None and not preset.check.startswith("/"):
        mistakes.add("check", "must begin with /")
    for name in preset.headers:
        if not _HEADER.fullmatch(name):
            mistakes.add(f"headers: {name}", "must be the name of a header in lower case")
    for name, parameter in preset.parameters.items():
        if parameter.default is not None and not VALUE.fullmatch(parameter.default):
            mistakes.add(f"parameters.{name}: default", "must be letters, digits, dots, dashes, underscores")
    if not preset.dialects:
        mistakes.add("dialects", "needs at least one table, such as [dialects.openai_chat]")
    used = {"base_url": preset.base_url or "", "auth: region": preset.auth.region or ""}
    for name, dialect in preset.dialects.items():
        place = f"dialects.{name}"
        if name not in DIALECT_NAMES:
            mistakes.add(place, unknown_dialect(name))
        if dialect.base_url is not None and dialect.below:
            mistakes.add(f"{place}: below", "stands beside a base_url of its own; put it there")
        for key in ("below", "path", "streamed_path"):
            if not dialect.templates.get(key, "/").startswith("/"):
                mistakes.add(f"{place}: {key}", "must begin with /")
        used |= {f"{place}: {key}": template for key, template in dialect.templates.items()}
    _check_places(preset, used, mistakes)


def _check_places(preset: Preset, used: Mapping[str, str], mistakes: Mistakes) -> None:
    any_values = {name: "x" for template in used.values() for name in places(template)}
    for place, template in used.items():
        for name in places(template):
            if name not in preset.parameters:
                mistakes.add(place, f"has a place for {{{name}}}, and there is no [parameters.{name}]")
        if place.endswith("base_url") and template:
            try:
                parse_base_url(filled(template, any_values), reach=Reach.PUBLIC)
            except BaseUrlError as error:
                mistakes.add(place, str(error))
    for name in preset.parameters:
        if name == MODEL_PLACE or name not in any_values:
            mistakes.add(f"parameters.{name}", "has no place in any address, or is the model's own")


def _check_auth(auth: AuthTable, mistakes: Mistakes) -> None:
    wanted = _OF_SCHEME[auth.scheme]
    for key in ("header", "service", "region", "scope"):
        value = cast("str | None", getattr(auth, key))
        if key in wanted and not value:
            mistakes.add(f"auth: {key}", f'is missing: the scheme "{auth.scheme}" wants one')
        if key not in wanted and value is not None:
            mistakes.add(f"auth: {key}", f'means nothing to the scheme "{auth.scheme}"')
    if auth.header is not None and not _HEADER.fullmatch(auth.header):
        mistakes.add("auth: header", "must be the name of a header in lower case")
