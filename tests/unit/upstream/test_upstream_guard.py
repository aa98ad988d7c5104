"""The outbound guard as a table: which addresses may be connected to, by reach."""

import asyncio
import socket
import threading
from collections.abc import Sequence

import pytest

from tollway.access.addresses import allowed
from tollway.catalog.records import Origin, Reach, Scheme
from tollway.errors import FailureKind, UpstreamFailure
from tollway.upstream.guard import Guard, SystemLookup

NEVER = [
    "0.0.0.0",
    "0.1.2.3",
    "169.254.0.1",
    "169.254.169.254",
    "169.254.170.2",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "fe80::1",
    "fe80::1%eth0",
    "febf::1",
    "ff02::1",
    "fd00:ec2::254",
    "fd00:ec2::23",
    "fd20:ce::254",
    "::ffff:169.254.169.254",
    "::ffff:0.0.0.0",
    "::169.254.169.254",
    "64:ff9b::169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "2002:a9fe:a9fe::1",
    "2001:0:5ef5:79fd:0:59d:a0e5:b01",
    "4000::1",
    "100::1",
    "no address",
    "",
]
PRIVATE = [
    "127.0.0.1",
    "127.255.255.254",
    "10.0.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "100.64.0.1",
    "198.18.0.1",
    "192.0.2.1",
    "::1",
    "fc00::1",
    "fd12:3456::1",
    "fec0::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "64:ff9b::10.0.0.1",
    "2002:7f00:1::1",
    "2001:db8::1",
]
PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "100.63.255.255",
    "100.128.0.1",
    "172.15.255.255",
    "172.32.0.1",
    "2606:4700:4700::1111",
    "2001:4860:4860::8888",
    "::ffff:8.8.8.8",
    "64:ff9b::8.8.8.8",
    "2002:808:808::1",
]


def origin(reach: Reach) -> Origin:
    return Origin(scheme=Scheme.HTTP, host="api.example", port=80, reach=reach)


@pytest.mark.parametrize("reach", list(Reach))
@pytest.mark.parametrize("address", NEVER)
def test_some_addresses_are_never_allowed(address: str, reach: Reach) -> None:
    assert not allowed(address, reach)


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses_are_allowed_only_within_private_reach(address: str) -> None:
    assert not allowed(address, Reach.PUBLIC)
    assert allowed(address, Reach.PRIVATE)


@pytest.mark.parametrize("reach", list(Reach))
@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_always_allowed(address: str, reach: Reach) -> None:
    assert allowed(address, reach)


def test_of_a_name_that_leads_to_both_only_the_public_addresses_are_used_in_their_order() -> None:
    async def lookup(host: str, port: int) -> Sequence[str]:
        return ["10.0.0.1", "8.8.8.8", "169.254.169.254", "1.1.1.1", "8.8.8.8"]

    assert asyncio.run(Guard(lookup=lookup).addresses(origin(Reach.PUBLIC))) == ("8.8.8.8", "1.1.1.1")
    assert asyncio.run(Guard(lookup=lookup).addresses(origin(Reach.PRIVATE))) == ("10.0.0.1", "8.8.8.8", "1.1.1.1")


@pytest.mark.parametrize("reach", list(Reach))
def test_a_name_that_leads_nowhere_allowed_is_blocked_without_naming_it(reach: Reach) -> None:
    async def lookup(host: str, port: int) -> Sequence[str]:
        return ["169.254.169.254"]

    with pytest.raises(UpstreamFailure) as caught:
        asyncio.run(Guard(lookup=lookup).addresses(origin(reach)))
    assert caught.value.kind is FailureKind.BLOCKED
    assert "169" not in str(caught.value)
    assert "example" not in str(caught.value)


@pytest.mark.parametrize("error", [OSError("no such host api.example"), UnicodeError("label too long"), None])
def test_a_name_without_an_address_is_no_connection(error: Exception | None) -> None:
    async def lookup(host: str, port: int) -> Sequence[str]:
        if error is not None:
            raise error
        return []

    with pytest.raises(UpstreamFailure) as caught:
        asyncio.run(Guard(lookup=lookup).addresses(origin(Reach.PUBLIC)))
    assert caught.value.kind is FailureKind.CONNECT
    assert caught.value.__context__ is None


@pytest.mark.parametrize("host", ["127.1", "0x7f000001", "2130706433", "localhost"])
def test_other_ways_to_write_loopback_are_judged_by_where_they_lead(host: str) -> None:
    at = Origin(scheme=Scheme.HTTP, host=host, port=80, reach=Reach.PUBLIC)
    with pytest.raises(UpstreamFailure) as caught:
        asyncio.run(Guard().addresses(at))
    assert caught.value.kind is FailureKind.BLOCKED


def test_slow_names_of_accounts_keep_no_other_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    answered = threading.Event()
    asked: list[str] = []

    def resolve(host: str, port: int, *_: object, **__: object) -> list[tuple[object, ...]]:
        asked.append(host)
        if host.endswith(".slow.test"):
            answered.wait(30)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("8.8.8.8", port))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)

    def at(host: str, reach: Reach) -> Origin:
        return Origin(scheme=Scheme.HTTPS, host=host, port=443, reach=reach)

    async def run() -> None:
        guard = Guard()
        # More than any pool of threads has on a machine that runs tests.
        slow = [asyncio.create_task(guard.addresses(at(f"{n}.slow.test", Reach.PUBLIC))) for n in range(100)]
        same = [asyncio.create_task(guard.addresses(at("0.slow.test", Reach.PUBLIC))) for _ in range(3)]
        try:
            async with asyncio.timeout(10):
                assert await guard.addresses(at("provider.test", Reach.PRIVATE)) == ("8.8.8.8",)
                assert await asyncio.to_thread(str) == ""
        finally:
            answered.set()
        assert await asyncio.gather(*slow, *same) == [("8.8.8.8",)] * 103
        assert asked.count("0.slow.test") == 1
        assert await guard.addresses(at("0.slow.test", Reach.PUBLIC)) == ("8.8.8.8",)
        assert asked.count("0.slow.test") == 2

    asyncio.run(run())


def test_an_address_is_no_name_and_is_judged_like_what_a_name_leads_to() -> None:
    def literal(host: str, reach: Reach) -> tuple[str, ...]:
        return Guard().literal(Origin(scheme=Scheme.HTTPS, host=host, port=443, reach=reach))

    assert literal("8.8.8.8", Reach.PUBLIC) == ("8.8.8.8",)
    assert literal("127.0.0.1", Reach.PRIVATE) == ("127.0.0.1",)
    for host, reach in (("127.0.0.1", Reach.PUBLIC), ("169.254.169.254", Reach.PRIVATE), ("127.1", Reach.PRIVATE)):
        assert literal(host, reach) == ()
    assert Guard(lookup=SystemLookup()).literal(origin(Reach.PRIVATE)) == (), "whoever is given is asked"
