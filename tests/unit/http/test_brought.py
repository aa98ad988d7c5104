"""Which paths that are no route may lead to a provider."""

import pytest

from tollway.access.own_providers import OwnProvider, ProviderAuth
from tollway.access.principal import Principal
from tollway.access.terms import AccountTerms
from tollway.http.brought import has_default, is_passable
from tollway.http.routes import Gate, Route

ROUTES: dict[str, Route] = dict.fromkeys(
    ("/v1/chat/completions", "/v1/models/", "/health"), Route(method=b"POST", gate=Gate.OPEN)
)


@pytest.mark.parametrize(
    "path", ["/v1/things", "/", "/v1/chat", "/apiary", "/admins/x", "/v1/models-of-mine", "/v1/keys", "/v1/usage"]
)
def test_a_path_of_nobodys_may_lead_to_a_provider(path: str) -> None:
    assert is_passable(b"GET", path, ROUTES)


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1",
        "/api/v1/x",
        "/API/V1/x",
        "/api/logs",
        "/admin",
        "/admin/v1/x",
        "/ui/x",
        "/v1/sub-accounts",
        "/V1/Sub-Accounts/sub_1",
        "/v1/keys/key_1/rotate/",
        "/v1/chat/completions/",
        "/V1/CHAT/completions",
        "/v1/models",
        "/Health",
        "*",
        "v1/things",
    ],
)
def test_one_that_is_or_looks_like_ours_does_not(path: str) -> None:
    assert not is_passable(b"GET", path, ROUTES)


@pytest.mark.parametrize("method", [b"HEAD", b"OPTIONS", b"CONNECT", b"TRACE", b"get"])
def test_only_the_usual_methods_are_passed_on(method: bytes) -> None:
    assert not is_passable(method, "/v1/things", ROUTES)


@pytest.mark.parametrize("default", [True, False])
def test_an_account_may_have_a_default(default: bool) -> None:
    own = OwnProvider(id=1, account_id=1, name="a", preset="openai", auth=ProviderAuth.API_KEY, is_default=default)
    assert has_default(Principal(key_id=1, account_id=1, terms=AccountTerms(providers=(own,)))) is default
