"""Where FastAPI answers, and what comes later, there is nothing that the data plane answers today."""

import pytest

from tests.unit.http.test_model_pages import Models
from tollway.dialects.known import DIALECTS
from tollway.errors import Refusal
from tollway.http.account.needs import LATER_BELOW, ROUTES, asked_at
from tollway.http.dialect_routes import dialect_routes
from tollway.http.doors import ACCOUNT_BELOW, ADMIN_BELOW
from tollway.http.later import LATER, later_routes
from tollway.http.model_pages import model_routes
from tollway.http.routes import Call

SERVED = (*dialect_routes(DIALECTS), *model_routes(Models()))
"""The paths of the data plane."""


def test_no_path_of_the_data_plane_is_taken() -> None:
    for path in SERVED:
        assert not path.startswith(ACCOUNT_BELOW + ADMIN_BELOW), path
        assert path not in later_routes(), path
    assert {"/v1/audio/translations", "/v1/rerank", "/api/version", "/api/chat"} <= {*SERVED}


def test_every_route_of_the_accounts_lies_behind_their_door() -> None:
    for path in (*ROUTES, *LATER_BELOW):
        assert path.startswith(ACCOUNT_BELOW), path
    assert not any(path.startswith(ACCOUNT_BELOW) for path in LATER)


@pytest.mark.parametrize(
    ("path", "method", "found", "later"),
    [
        ("/v1/balance", "GET", True, False),
        ("/v1/balance", "POST", False, False),
        ("/api/v1/keys/abc", "PATCH", True, False),
        ("/api/v1/keys/abc/def", "GET", False, False),
        ("/api/v1/prompts", "GET", False, True),
        ("/api/v1/prompts/a/b", "DELETE", False, True),
        ("/api/v1/promptsandmore", "GET", False, False),
        ("/api/v1/orgs/1/storage", "PUT", False, True),
    ],
)
def test_a_path_and_a_method_are_in_the_table_or_nowhere(path: str, method: str, found: bool, later: bool) -> None:
    asked = asked_at(path, method)
    assert (asked.found, asked.later) == (found, later)


async def test_what_comes_later_says_so() -> None:
    page = later_routes()["/v1/files/"].page
    assert page is not None
    with pytest.raises(Refusal, match="/v1/files/f") as refused:
        await page(Call("/v1/files/f", None, []))
    assert refused.value.facts.status == 501
