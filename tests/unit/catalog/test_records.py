"""The records of the catalog."""

from tollway.catalog.records import Origin, Provider, Reach, Scheme, Spoken


def test_a_provider_is_shown_without_its_secret() -> None:
    origin = Origin(scheme=Scheme.HTTPS, host="h", port=443, reach=Reach.PUBLIC)
    provider = Provider(
        name="p",
        speaks=(Spoken(dialect="openai_chat", origin=origin, path_prefix="/v1"),),
        headers=(("authorization", "secret"),),
        secrets=("secret",),
    )
    assert repr(provider) == "Provider('p')"
