"""The catalog as an account sees it that brought providers: header, then path, then its default; never another account's."""

from pathlib import Path

import pytest

from tollway.access.own_providers import OwnProvider, ProviderAuth
from tollway.access.principal import Principal
from tollway.access.terms import AccountTerms
from tollway.catalog.loader import Deployment, read_deployment
from tollway.catalog.own_providers import OwnTerms, make_own
from tollway.catalog.records import Model, Provider
from tollway.errors import CommandRefused, Refusal
from tollway.relay.own_models import AccountModels, OwnModels
from tollway.settings import ProviderSettings, Secret

SETTINGS = """
[billing]
own_provider_price = "50%"
[[providers]]
name = "openai"
preset = "openai"
api_key = "env:OPERATORS"
[[providers]]
name = "p"
preset = "openai-compatible"
base_url = "https://p.example"
[[models]]
id = "house"
targets = [{ provider = "p", model = "x" }]
price = { input = "1", output = "2" }
markup = "100%"
output_tokens_max = 99
[[models]]
id = "mine/exact"
targets = [{ provider = "p", model = "x" }]
price = { input = "1", output = "2" }
[[own_providers.models]]
id = "priced-*"
price = { input = "3", output = "4" }
"""


@pytest.fixture
def deployment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Deployment:
    monkeypatch.setenv("OPERATORS", "sk-operators")
    path = tmp_path / "tollway.toml"
    path.write_text(SETTINGS)
    return read_deployment(path)


class Making:
    """Makes providers, and counts how often."""

    def __init__(self, terms: OwnTerms) -> None:
        self._terms = terms
        self.made: list[int] = []

    def __call__(self, own: OwnProvider) -> Provider:
        self.made.append(own.id)
        if own.preset == "broken":
            raise CommandRefused("its key cannot be opened")
        settings = ProviderSettings(
            name=own.name, preset=own.preset, base_url=own.base_url, api_key=Secret(f"sk-of-{own.id}")
        )
        return make_own(settings, self._terms, own_id=f"{own.name}@{own.id}")


def own(id_: int, name: str = "mine", preset: str = "openai-compatible", **more: object) -> OwnProvider:
    fields: dict[str, object] = {"base_url": f"https://own-{id_}.example"} if preset.endswith("compatible") else {}
    return OwnProvider(id=id_, account_id=1, name=name, preset=preset, auth=ProviderAuth.API_KEY, **fields | more)  # type: ignore[arg-type]


def principal(*providers: OwnProvider, account_id: int = 1) -> Principal:
    return Principal(key_id=1, account_id=account_id, terms=AccountTerms(providers=providers))


async def seen_by(deployment: Deployment, *providers: OwnProvider) -> AccountModels:
    making = Making(deployment.own_terms)
    return await OwnModels(deployment.catalog, making, deployment.own_terms).of(principal(*providers))


def place(model: Model | None) -> tuple[str, str, str]:
    assert model is not None
    (target,) = model.targets
    return model.id, target.provider.identity, target.model_routed


async def test_the_header_names_an_alias_of_the_account_before_a_provider_of_the_deployment(
    deployment: Deployment,
) -> None:
    models = await seen_by(deployment, own(7, "openai"), own(8))
    assert place(models.resolve_at("openai", "priced-a")) == ("openai/priced-a", "openai@7", "priced-a")
    assert place(models.resolve_at("openai", "openai/priced-a")) == ("openai/priced-a", "openai@7", "priced-a")
    assert place(models.resolve_at("p", "x")) == ("p/x", "p", "x")
    with pytest.raises(Refusal, match="There is no provider 'nobody' here") as refused:
        models.resolve_at("nobody", "x")
    assert refused.value.code == "not_found"


async def test_an_alias_before_a_models_name_leads_to_the_account_unless_the_operator_has_that_very_id(
    deployment: Deployment,
) -> None:
    models = await seen_by(deployment, own(7), own(8, "openai"))
    assert place(models.resolve("mine/priced-a")) == ("mine/priced-a", "mine@7", "priced-a")
    assert place(models.resolve("openai/priced-a"))[1] == "openai@8"
    assert place(models.resolve("mine/exact")) == ("mine/exact", "p", "x")
    assert place(models.resolve("house")) == ("house", "p", "x")
    assert models.resolve("nothing") is None
    assert models.resolve("mine/") is None
    assert models.resolve("mine/*") is None
    assert models.resolve(f"mine/{'x' * 300}") is None
    assert models.suggest("hause") == ("house",)
    assert models.rates is deployment.catalog.rates
    assert list(models.listed) == list(deployment.catalog.listed)


async def test_a_bare_name_goes_by_path_and_then_to_the_default(deployment: Deployment) -> None:
    by_path = await seen_by(deployment, own(7, "claude", "anthropic"), own(8, "gpt", "openai"))
    assert place(by_path.resolve_by_dialect("openai_chat", "gpt-4o"))[1] == "openai"
    assert place(by_path.resolve_by_dialect("anthropic_messages", "claude-sonnet-4-5"))[1] == "claude@7"
    assert by_path.resolve_by_dialect("anthropic_messages", "nothing-of-theirs") is None
    assert by_path.resolve_by_dialect("anthropic_messages", "a/claude-sonnet-4-5") is None
    by_default = await seen_by(deployment, own(7), own(8, "standard", is_default=True))
    assert place(by_default.resolve_by_dialect("openai_chat", "priced-a")) == (
        "standard/priced-a",
        "standard@8",
        "priced-a",
    )


async def test_what_a_model_costs_follows_from_the_operators_prices_and_share(deployment: Deployment) -> None:
    models = await seen_by(deployment, own(7), own(8, "gpt", "openai"))
    priced = models.resolve("mine/priced-a")
    assert priced is not None
    assert (priced.price_ppm, priced.targets[0].card.input) == (500_000, 3_000_000_000)  # type: ignore[union-attr]
    alike = models.resolve("mine/house")
    assert alike is not None
    assert (alike.price_ppm, alike.output_tokens_max) == (1_000_000, 99)
    assert alike.targets[0].card.input == 1_000_000_000  # type: ignore[union-attr]
    library = models.resolve("gpt/gpt-4o")
    assert library is not None
    assert library.targets[0].card.source.startswith("genai-prices")  # type: ignore[union-attr]


async def test_what_nobody_priced_is_refused_with_what_to_configure(deployment: Deployment) -> None:
    models = await seen_by(deployment, own(7, is_default=True))
    for ask in (
        lambda: models.resolve("mine/unknown"),
        lambda: models.resolve_at("mine", "unknown"),
        lambda: models.resolve_by_dialect("openai_chat", "unknown"),
    ):
        with pytest.raises(Refusal, match=r'\[\[own_providers.models\]\] id = "unknown"') as refused:
            ask()
        assert refused.value.code == "model_not_allowed"


async def test_a_provider_that_cannot_be_made_is_said_when_it_is_asked_for(deployment: Deployment) -> None:
    models = await seen_by(deployment, own(7, "broken", "broken"), own(8))
    for ask in (lambda: models.resolve("broken/priced-a"), lambda: models.provider("broken")):
        with pytest.raises(Refusal, match="its key cannot be opened") as refused:
            ask()
        assert refused.value.code == "upstream_unavailable"
    assert place(models.resolve("mine/priced-a"))[1] == "mine@8"
    assert models.resolve_by_dialect("anthropic_messages", "priced-a") is None


async def test_the_default_is_asked_for_by_no_name(deployment: Deployment) -> None:
    models = await seen_by(deployment, own(7), own(8, "standard", is_default=True))
    default, named = models.provider(None), models.provider("mine")
    assert default is not None and default.name == "standard"  # noqa: PT018
    assert named is not None and named.identity == "mine@7"  # noqa: PT018
    assert models.provider("p") is None
    assert (await seen_by(deployment, own(7))).provider(None) is None


async def test_providers_are_made_once_and_again_when_they_change(deployment: Deployment) -> None:
    making = Making(deployment.own_terms)
    models = OwnModels(deployment.catalog, making, deployment.own_terms)
    first = await models.of(principal(own(7)))
    assert await models.of(principal(own(7))) is first
    assert making.made == [7]
    changed = await models.of(principal(own(7, enabled=True, base_url="https://elsewhere.example")))
    assert changed is not first
    assert making.made == [7, 7]


async def test_two_accounts_with_the_same_alias_never_share_a_key_or_an_address(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tollway.relay.own_models.ACCOUNTS_MAX", 1)
    models = OwnModels(deployment.catalog, Making(deployment.own_terms), deployment.own_terms)
    for _ in range(2):
        for id_ in (7, 8):
            seen = await models.of(principal(own(id_), account_id=id_))
            found = seen.resolve("mine/priced-a")
            assert found is not None
            provider = found.targets[0].provider
            assert provider.secrets == (f"sk-of-{id_}",)
            assert provider.home.origin.host == f"own-{id_}.example"


async def test_no_more_models_are_remembered_than_there_is_room_for(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tollway.relay.own_models.REMEMBERED_MAX", 1)
    models = await seen_by(deployment, own(7))
    first = models.resolve("mine/priced-a")
    assert models.resolve("mine/priced-a") is first
    models.resolve("mine/priced-b")
    assert models.resolve("mine/priced-a") == first
