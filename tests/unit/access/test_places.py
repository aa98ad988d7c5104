"""Keys that are kept to routes and to networks."""

import pytest

from tollway.access.places import check_address, check_route
from tollway.access.principal import Principal
from tollway.errors import Refusal

ANYWHERE = Principal(key_id=1, account_id=2)
KEPT = Principal(key_id=1, account_id=2, routes=("chat", "models"), networks=("192.0.2.0/24", "2001:db8::/32"))


def test_a_key_without_lists_is_free() -> None:
    check_route(ANYWHERE, "images")
    check_address(ANYWHERE, "203.0.113.9")
    check_address(ANYWHERE, "")


@pytest.mark.parametrize("word", ["chat", "models", ""])
def test_a_route_of_the_list_or_of_none_is_open(word: str) -> None:
    check_route(KEPT, word)


def test_another_route_is_refused() -> None:
    with pytest.raises(Refusal, match="may not be used for images: it is limited to chat, models") as caught:
        check_route(KEPT, "images")
    assert caught.value.code == "route_not_allowed"
    assert caught.value.facts.status == 403


@pytest.mark.parametrize("address", ["192.0.2.1", "192.0.2.255", "2001:db8:ffff::1"])
def test_an_address_of_a_network_is_let_in(address: str) -> None:
    check_address(KEPT, address)


@pytest.mark.parametrize("address", ["192.0.3.1", "2001:db9::1", ""])
def test_another_address_is_refused(address: str) -> None:
    with pytest.raises(Refusal, match=f"may not be used from {address or 'an address that is not known'}") as caught:
        check_address(KEPT, address)
    assert caught.value.code == "address_not_allowed"
    assert caught.value.facts.status == 403
