"""What the services' tests share: the scripted provider, the two ways to serve the brands, and the official clients."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from tests.e2e.services.deployments import ALONE, TOGETHER, Grounds, Serve, Served
from tests.e2e.services.interpreter import GENERATIONS, Interpreter
from tests.e2e.services.scripted import Scripted
from tests.e2e.services.seeds import Brand


@pytest.fixture(scope="session")
def provider() -> Iterator[Scripted]:
    """A provider that answers well unless a script says otherwise."""
    provider = Scripted().start()
    yield provider
    provider.stop()


@pytest.fixture(scope="session")
def grounds(tmp_path_factory: pytest.TempPathFactory, provider: Scripted) -> Iterator[Grounds]:
    """Every deployment that a test here wants, each started once."""
    grounds = Grounds(tmp_path_factory.mktemp, provider)
    yield grounds
    with ThreadPoolExecutor(5) as pool:
        list(pool.map(lambda operator: operator.leave(), grounds.operators.values()))


@pytest.fixture(scope="module", params=[ALONE, TOGETHER])
def serve(request: pytest.FixtureRequest, grounds: Grounds) -> Serve:
    """One of the two ways to serve the brands."""

    def of(brand: Brand) -> Served:
        return grounds.served(brand, request.param)

    return of


@pytest.fixture(scope="module")
def interpreters() -> Iterator[Callable[[str], Interpreter]]:
    """A Python with the newest clients and one with the older ones, each started when it is first wanted."""
    with ExitStack() as running:
        started: dict[str, Interpreter] = {}

        def of(generation: str) -> Interpreter:
            if generation not in started:
                started[generation] = running.enter_context(Interpreter(generation))
            return started[generation]

        yield of


@pytest.fixture(scope="module", params=list(GENERATIONS))
def generation(request: pytest.FixtureRequest) -> str:
    """Which generation of the clients a test uses."""
    return request.param
