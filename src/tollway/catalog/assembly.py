"""Makes a provider of its preset and of what the operator said: where each dialect is spoken, and with what key.

Notes every mistake. Knows no file and no environment.
"""

import difflib
from collections.abc import Mapping

import msgspec

from tollway.catalog.base_url import BaseUrlError, parse_base_url
from tollway.catalog.credentials import Credentials, Place, credentials_of
from tollway.catalog.presets import DIALECT_NAMES, AuthScheme, DialectTable, ParameterTable, Preset, unknown_dialect
from tollway.catalog.profiles import profile_with
from tollway.catalog.records import AfterLeave, KeyOf, ModelRule, Origin, Profile, Provider, Reach, Spoken, Timeouts
from tollway.catalog.templates import VALUE, filled, places
from tollway.settings import Mistakes, ProviderSettings
from tollway.settings.own_providers import AuthChoice

PLAIN = DialectTable()
"""Of a dialect that only the operator says a provider speaks."""


def make_provider(
    settings: ProviderSettings, preset: Preset, *, place: str, mistakes: Mistakes, reach: Reach = Reach.PRIVATE
) -> Provider | None:
    """Return the provider, or None when a mistake makes it impossible; `place` is how messages name it."""
    making = _Making(settings, preset, Place(place, mistakes), reach)
    speaks = making.speaks()
    credentials = making.credentials()
    if not speaks:
        return None
    said = {name for name, _ in credentials.headers}
    headers = tuple((name, value) for name, value in preset.headers.items() if name not in said)
    return Provider(
        name=settings.name,
        speaks=speaks,
        key_of=KeyOf.CLIENT if settings.auth is AuthChoice.PASSTHROUGH else KeyOf.GATEWAY,
        key_header=preset.auth.header,
        headers=(*credentials.headers, *headers),
        secrets=credentials.secrets,
        signing=credentials.signing,
        timeouts=msgspec.convert(settings.timeouts, Timeouts, from_attributes=True),
        prices_id=preset.prices,
        error_words=preset.errors,
        check_path=preset.check,
    )


class _Making:
    """One provider being made: what is asked of the preset again and again, with the place for mistakes."""

    def __init__(self, settings: ProviderSettings, preset: Preset, place: Place, reach: Reach) -> None:
        self._settings = settings
        self._preset = preset
        self._place = place
        self._reach = reach
        self._noted = len(place.mistakes.lines())
        self._values = self._parameters()
        self._after_leave = None if settings.after_leave is None else AfterLeave(settings.after_leave)

    def speaks(self) -> tuple[Spoken, ...]:
        """Return where each dialect is spoken; those of an operator's own address come last."""
        said = self._settings.base_urls
        tables: dict[str, DialectTable] = dict(self._preset.dialects)
        for name in said:
            if name in DIALECT_NAMES:
                tables.setdefault(name, PLAIN)
            else:
                self._place.add(f"base_urls: {name}", unknown_dialect(name))
        tables = self._chosen(tables)
        found = [spoken for name, table in tables.items() if (spoken := self._spoken(name, table)) is not None]
        if not found and len(self._place.mistakes.lines()) == self._noted:
            self._place.add("base_url", "is missing: the preset has none of its own for any dialect")
        return tuple(found)

    def _chosen(self, tables: dict[str, DialectTable]) -> dict[str, DialectTable]:
        """Return the dialects that the operator wants spoken, in their order; all where they say nothing."""
        wanted = self._settings.dialects
        for name in wanted:
            if name not in DIALECT_NAMES:
                self._place.add("dialects", f'"{name}" {unknown_dialect(name)}')
        return {name: tables.get(name, PLAIN) for name in wanted if name in DIALECT_NAMES} if wanted else tables

    def credentials(self) -> Credentials:
        """Return what requests are let in with."""
        region = ""
        if self._preset.auth.scheme is AuthScheme.AWS and self._settings.api_key is None:
            region = self._fill(self._preset.auth.region or "", "its signature") or ""
        return credentials_of(self._settings, self._preset, region, self._place)

    def _parameters(self) -> Mapping[str, str]:
        known = self._preset.parameters
        values = {name: table.default for name, table in known.items() if table.default is not None}
        for name, value in self._settings.parameters.items():
            if name not in known:
                self._place.add(f"parameters: {name}", _unknown_parameter(name, known, self._preset.title))
            elif not VALUE.fullmatch(value):
                self._place.add(f"parameters: {name}", "must be letters, digits, dots, dashes, underscores")
            values[name] = value
        return values

    def _fill(self, template: str, use: str) -> str | None:
        """Return a template with its places filled in, or None when a parameter is missing, which is noted."""
        missing = [name for name in places(template) if name not in self._values]
        for name in missing:
            about = self._preset.parameters[name].about
            self._place.add(f"parameters: {name}", f"is missing: {about}; {use} has a place for it")
        return None if missing else filled(template, self._values)

    def _spoken(self, name: str, table: DialectTable) -> Spoken | None:
        where = self._where(name, table)
        path = self._path(name, table.path)
        streamed_path = self._path(name, table.streamed_path)
        if where is None or None in (path, streamed_path):
            return None
        profile = profile_with(table, Profile(), after_leave=self._after_leave)
        origin, path_prefix = where
        return Spoken(
            dialect=name,
            origin=origin,
            path_prefix=path_prefix,
            path=path or None,
            streamed_path=streamed_path or None,
            profile=profile,
            rules=tuple(
                ModelRule(pattern=pattern, profile=profile_with(rule, profile, after_leave=self._after_leave))
                for rule in table.models
                for pattern in rule.match
            ),
            only=table.only,
            never=table.never,
        )

    def _path(self, name: str, template: str | None) -> str | None:
        """Return a path with its places filled in, empty where there is none; None for a mistake."""
        return "" if template is None else self._fill(template, f"the path of {name}")

    def _where(self, name: str, table: DialectTable) -> tuple[Origin, str] | None:
        """Return where a dialect is spoken; None when that follows from nothing, or for a mistake."""
        said = self._settings.base_urls.get(name)
        if said is not None:
            return self._parsed(said, f"base_urls: {name}")
        if table.base_url is None:
            return self._below(name, table)
        # An operator's own server: nobody knows whether it speaks this dialect, and where.
        moved = self._settings.base_url is not None
        base_url = None if moved else self._fill(table.base_url, f"the address {table.base_url}")
        return None if base_url is None else self._parsed(base_url, "base_url")

    def _below(self, name: str, table: DialectTable) -> tuple[Origin, str] | None:
        """Return where a dialect is spoken that has its place below the provider's one address."""
        base_url = self._settings.base_url
        if base_url is None and self._preset.base_url is not None:
            base_url = self._fill(self._preset.base_url, f"the address {self._preset.base_url}")
        below = self._fill(table.below, f"the path of {name}")
        where = None if base_url is None or below is None else self._parsed(base_url, "base_url")
        if where is None:
            return None
        origin, prefix = where
        if self._settings.base_url is not None:
            prefix = self._without_below(prefix)
        return origin, f"{prefix}{below}"

    def _without_below(self, prefix: str) -> str:
        """Return an operator's path without what is put behind it: many know the address of one dialect only."""
        ends = [table.below for table in self._preset.dialects.values() if table.below and prefix.endswith(table.below)]
        return prefix.removesuffix(max(ends, key=len)) if ends else prefix

    def _parsed(self, base_url: str, key: str) -> tuple[Origin, str] | None:
        try:
            return parse_base_url(base_url, reach=self._reach)
        except BaseUrlError as error:
            self._place.add(key, str(error))
            return None


def _unknown_parameter(name: str, known: Mapping[str, ParameterTable], title: str) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    if close:
        return f"is no parameter of {title}; did you mean {close[0]}?"
    return f"is no parameter of {title}, which has {', '.join(known) or 'none'}"
