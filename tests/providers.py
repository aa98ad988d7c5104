"""Providers as values, for tests that need one and not what it says."""

from tollway.catalog.records import Origin, Profile, Provider, Reach, Scheme, Spoken

NOWHERE = Origin(scheme=Scheme.HTTPS, host="h", port=443, reach=Reach.PUBLIC)


def a_provider(
    name: str = "p", *, dialect: str = "openai_chat", origin: Origin = NOWHERE, profile: Profile | None = None
) -> Provider:
    """Return a provider that speaks one dialect and wants no key."""
    spoken = Spoken(dialect=dialect, origin=origin, path_prefix="", profile=profile or Profile())
    return Provider(name=name, speaks=(spoken,))
