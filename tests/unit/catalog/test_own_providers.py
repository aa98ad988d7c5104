"""Providers that accounts bring, made of what an account said and what the operator allows."""

from pathlib import Path

import pytest

from tollway.catalog.assembly import make_provider
from tollway.catalog.loader import Deployment, own_terms, read_deployment
from tollway.catalog.own_providers import OwnProviderError, OwnTerms, make_own, own_presets
from tollway.catalog.presets import read_preset
from tollway.catalog.records import CallPrice, KeyOf, Provider, Reach
from tollway.errors import SetupError
from tollway.relay.proxied_request import Call, price_of
from tollway.settings import Mistakes, ProviderSettings, Secret
from tollway.settings.own_providers import AuthChoice

KEY = Secret("sk-canary")


def described(**said: object) -> ProviderSettings:
    fields: dict[str, object] = {"name": "mine", "preset": "openai", "api_key": KEY} | said
    return ProviderSettings(**fields)  # type: ignore[arg-type]


def refused(terms: OwnTerms = OwnTerms(), **said: object) -> str:  # noqa: B008  it is a value
    with pytest.raises(OwnProviderError) as caught:
        make_own(described(**said), terms, own_id="o")
    assert "canary" not in str(caught.value)
    return str(caught.value)


def deployed(tmp_path: Path, text: str) -> Deployment:
    path = tmp_path / "tollway.toml"
    path.write_text(text)
    return read_deployment(path)


def mistakes(tmp_path: Path, text: str) -> str:
    with pytest.raises(SetupError) as caught:
        deployed(tmp_path, text)
    return "\n".join(caught.value.mistakes)


def test_an_own_provider_reaches_public_addresses_only() -> None:
    made = make_own(described(), OwnTerms(), own_id="o")
    assert {spoken.origin.reach for spoken in made.speaks} == {Reach.PUBLIC}
    assert made.headers == (("authorization", "Bearer sk-canary"),)
    assert made.key_of is KeyOf.GATEWAY


def test_http_is_for_accounts_that_the_operator_trusts() -> None:
    address = "http://10.0.0.7:8000/v1"
    assert "https://" in refused(preset="openai-compatible", base_url=address)
    trusted = OwnTerms(reach=Reach.PRIVATE)
    made = make_own(described(preset="openai-compatible", base_url=address), trusted, own_id="o")
    assert {spoken.origin.reach for spoken in made.speaks} == {Reach.PRIVATE}


def test_what_makes_no_provider_is_said() -> None:
    assert "did you mean openai" in refused(preset="opneai")
    assert "runs itself" in refused(preset="local", api_key=None)
    assert "base_url: is missing" in refused(preset="openai-compatible")
    assert "api_key: is missing" in refused(api_key=None)
    assert "must start with https://" in refused(preset="openai-compatible", base_url="ftp://a.example")
    assert "local" not in own_presets()


def test_with_pass_through_no_key_is_kept_and_the_provider_says_where_a_clients_goes() -> None:
    made = make_own(described(preset="anthropic", api_key=None, auth=AuthChoice.PASSTHROUGH), OwnTerms(), own_id="o")
    assert made.key_of is KeyOf.CLIENT
    assert made.key_header == "x-api-key"
    assert not made.secrets
    assert all(name != "x-api-key" for name, _ in made.headers)
    assert "has no use beside" in refused(auth=AuthChoice.PASSTHROUGH)
    noted = Mistakes("test")
    keyless = ProviderSettings(name="small", preset="local", auth=AuthChoice.PASSTHROUGH)
    make_provider(keyless, read_preset("local"), place="small", mistakes=noted)
    assert "takes no key" in noted.lines()[0]


def test_providers_with_one_name_are_told_apart_by_their_identity() -> None:
    own = make_own(described(), OwnTerms(), own_id="mine@1-2")
    assert (own.identity, own.booked_as) == ("mine@1-2", "@mine")
    operators = Provider(name="mine", speaks=own.speaks)
    assert (operators.identity, operators.booked_as) == ("mine", "mine")


CALLS = """
[[providers]]
name = "p"
preset = "openai-compatible"
base_url = "https://p.example"
calls = [
  { method = "GET", path = "/v1/things/*", price = "0" },
  { method = "POST", path = "/v1/things", price = "0.01" },
]
[own_providers]
calls = [
  { preset = "openai", method = "GET", path = "/v1/files", price = "0.001" },
  { method = "POST", path = "/any/*", price = "0.02" },
]
[[own_providers.models]]
id = "house-*"
preset = "openai-compatible"
price = { input = "1", output = "2" }
[[own_providers.models]]
id = "x"
price = { input = "3", output = "4" }
"""


def price(provider: Provider, method: str, path: str) -> CallPrice | None:
    return price_of(provider, Call(method=method, path=path, query="", headers=(), body=b""))


def test_calls_have_the_price_of_the_first_entry_that_fits(tmp_path: Path) -> None:
    provider = deployed(tmp_path, CALLS).catalog.providers["p"]
    posted = price(provider, "POST", "/v1/things")
    assert posted is not None
    assert posted.card.call == 10_000_000 * 1_000_000
    assert (posted.card.provider, posted.card.model) == ("p", "POST /v1/things")
    assert (posted.card.input, posted.card.output) == (0, 0)
    fetched = price(provider, "GET", "/v1/things/1/parts")
    assert fetched is not None
    assert fetched.card.call == 0
    assert price(provider, "DELETE", "/v1/things") is None
    assert price(provider, "POST", "/v1/others") is None


def test_what_the_operator_charges_at_own_providers_may_be_of_one_preset(tmp_path: Path) -> None:
    deployment = deployed(tmp_path, CALLS)
    terms = deployment.own_terms
    assert terms == own_terms(deployment.settings)
    openai = make_own(described(), terms, own_id="o")
    assert price(openai, "GET", "/v1/files") is not None
    other = make_own(described(preset="openai-compatible", base_url="https://o.example"), terms, own_id="o")
    assert price(other, "GET", "/v1/files") is None
    assert price(other, "POST", "/any/thing") is not None
    assert terms.prices_of("house-1", preset="openai-compatible")[0].input == 1_000_000_000
    assert terms.prices_of("house-1", preset="openai") == ()
    assert terms.prices_of("x", preset="openai")[0].input == 3_000_000_000


def test_mistakes_about_calls_and_own_providers_are_said(tmp_path: Path) -> None:
    said = mistakes(
        tmp_path,
        """
        [[providers]]
        name = "p"
        preset = "openai-compatible"
        base_url = "https://p.example"
        auth = "both"
        calls = [
          { method = "get", path = "things", price = 0.5 },
          { method = "GET", path = "/v1/a?b", price = "0.5", currency = "CNY" },
        ]
        [own_providers]
        calls = [{ preset = "openaii", method = "GET", path = "/a", price = "0", currency = "CNY" }]
        [[own_providers.models]]
        id = "m"
        preset = "local"
        price = { input = "1", output = "1", currency = "CNY" }
        """,
    )
    for part in (
        'auth: must be one of "api_key", "passthrough"',
        "calls 1: method: must be one of GET, POST",
        "calls 1: path: must be a path such as",
        'calls 1: price: must be written as text: "0.5"',
        "calls 2: path: must be a path such as",
        "calls: currency: CNY needs a rate of exchange",
        '[own_providers]: calls 1: preset: "openaii" is no preset; did you mean openai?',
        "[own_providers]: calls: currency: CNY needs a rate",
        '[own_providers]: models 1: preset: "local" is no preset',
        "[own_providers]: models 1: price: currency: CNY needs a rate",
    ):
        assert part in said, part
