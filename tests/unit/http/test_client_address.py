"""Whose address counts behind proxies that are trusted, and behind those that are not."""

import pytest

from tollway.http.client_address import ClientAddresses, normal_address

PROXIES = ("10.0.0.0/8", "fd00::/8", "192.0.2.7/32")


def forwarded(*values: str) -> list[tuple[bytes, bytes]]:
    return [(b"host", b"x"), *((b"x-forwarded-for", value.encode("latin-1")) for value in values)]


@pytest.mark.parametrize(
    ("peer", "values", "client"),
    [
        ("203.0.113.9", (), "203.0.113.9"),
        ("203.0.113.9", ("198.51.100.1",), "203.0.113.9"),
        ("10.1.2.3", (), "10.1.2.3"),
        ("10.1.2.3", ("198.51.100.1",), "198.51.100.1"),
        ("10.1.2.3", ("1.1.1.1, 198.51.100.1, 10.9.9.9",), "198.51.100.1"),
        ("10.1.2.3", ("1.1.1.1", "198.51.100.1", "10.9.9.9"), "198.51.100.1"),
        ("10.1.2.3", ("10.5.5.5, 192.0.2.7",), "10.5.5.5"),
        ("10.1.2.3", ("198.51.100.1, unknown, 10.9.9.9",), "10.9.9.9"),
        ("10.1.2.3", ("198.51.100.1:4711",), "198.51.100.1"),
        ("10.1.2.3", ('"[2001:DB8::0:1]:4711"',), "2001:db8::1"),
        ("10.1.2.3", ("2001:db8::1",), "2001:db8::1"),
        ("10.1.2.3", ("\xff\xfe",), "10.1.2.3"),
        ("::ffff:10.1.2.3", ("::ffff:198.51.100.1",), "198.51.100.1"),
        ("::ffff:203.0.113.9", ("198.51.100.1",), "203.0.113.9"),
        ("fd00::7", ("198.51.100.1",), "198.51.100.1"),
        ("fe80::1%eth0", (), "fe80::1"),
        ("", ("198.51.100.1",), ""),
        ("/run/socket", (), ""),
    ],
)
def test_the_nearest_that_is_not_trusted_is_the_client(peer: str, values: tuple[str, ...], client: str) -> None:
    addresses = ClientAddresses(PROXIES)
    assert addresses.find(peer, forwarded(*values)) == client
    assert addresses.find(peer, forwarded(*values)) == client


def test_without_proxies_nobody_is_believed() -> None:
    assert ClientAddresses().find("10.1.2.3", forwarded("198.51.100.1")) == "10.1.2.3"


@pytest.mark.parametrize("text", ["", "localhost", "1.2.3", "1.2.3.4.5", "[::1", "::1]", "1.2.3.4 5.6.7.8"])
def test_what_is_no_address_is_none(text: str) -> None:
    assert normal_address(text) in {None, "::1"}


def test_each_address_has_one_form() -> None:
    assert normal_address(" 2001:DB8:0:0::1 ") == "2001:db8::1"
    assert normal_address("[::1]:80") == "::1"
