"""Two workers on PostgreSQL: a request that is sent fifty times at once, through a kill, is served and charged once."""

from tests.e2e.gateway.conftest import Deploy
from tests.e2e.gateway.deployment import COST
from tests.e2e.gateway.provider import Provider
from tests.e2e.gateway.test_idempotency import Asker, Gated, Office, asking, begin, read
from tests.waiting import until


def test_requests_are_served_once_by_two_workers_on_postgres(
    deploy: Deploy, provider: Provider, postgres_url: str
) -> None:
    tollway = deploy(server=f'workers = 2\n[store]\nurl = "{postgres_url}"')
    asker = Asker(Office(tollway), provider)
    gated = Gated(provider)
    body = asking("p/gated", stream=True)
    socks = [begin(tollway, asker.key, body, "fifty") for _ in range(50)]
    until(lambda: asker.sent == 1)
    gated.open()
    got = [read(sock) for sock in socks]
    for sock in socks:
        sock.close()
    answered = [one for one in got if one.status == 200]
    assert {one.status for one in got} <= {200, 409}
    assert [one.replayed for one in answered].count(False) == 1
    assert len({one.body for one in answered}) == 1
    assert (asker.sent, asker.paid()) == (1, COST)

    held = Gated(provider)
    with begin(tollway, asker.key, body, "killed") as sock:
        until(lambda: asker.sent == 2)
        assert sock.recv(1)
        tollway.kill()
    held.open()
    tollway.start()

    def served() -> bool:  # the dead workers' claims are void once the database knows that they are gone
        return asker(body, "killed").status == 200

    until(served)
    assert asker(body, "killed").replayed
    assert asker(body, "fifty").body == answered[0].body
    assert (asker.sent, len(asker.lines), asker.paid()) == (3, 2, 2 * COST)
