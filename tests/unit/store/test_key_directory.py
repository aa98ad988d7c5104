"""A directory in front of a reader that takes its time, as one across a network does."""

import asyncio
import threading
from collections.abc import Mapping, Sequence

import pytest

from tollway.access.kinds import KeyKind
from tollway.access.principal import Principal
from tollway.access.terms import NO_TERMS, AccountTerms
from tollway.errors import Refusal
from tollway.store import key_directory
from tollway.store.key_directory import KeyDirectory


class Reader:
    """Answers when it is let; knows every key that begins with k."""

    def __init__(self) -> None:
        self.asked: list[tuple[bytes, ...]] = []
        self.terms: list[Mapping[int, AccountTerms]] = []
        self.let = threading.Event()
        self.let.set()
        self.broken: Exception | None = None
        self.current = "1"

    def find(self, digests: Sequence[bytes], terms: Mapping[int, AccountTerms]) -> dict[bytes, Principal]:
        self.asked.append(tuple(digests))
        self.terms.append(dict(terms))
        assert self.let.wait(10)
        if self.broken is not None:
            raise self.broken
        found = (digest for digest in digests if digest.startswith(b"k"))
        return {digest: Principal(key_id=len(self.asked), account_id=7, terms=NO_TERMS) for digest in found}

    def kinds(self, digests: Sequence[bytes]) -> dict[bytes, KeyKind]:
        return {digest: KeyKind.MANAGEMENT for digest in digests if digest.startswith(b"m")}

    def version(self) -> str:
        return self.current


class Counter:
    count = 0

    def read(self) -> int:
        return self.count


@pytest.fixture
def reader() -> Reader:
    return Reader()


@pytest.fixture
def counter() -> Counter:
    return Counter()


@pytest.fixture
def directory(reader: Reader, counter: Counter) -> KeyDirectory:
    return KeyDirectory(reader, counter, entries_max=100, embedded=False)


async def asking(directory: KeyDirectory, *digests: bytes) -> list[asyncio.Task[Principal | None]]:
    tasks = [asyncio.create_task(directory.look_up(digest)) for digest in digests]
    await asyncio.sleep(0)
    return tasks


async def test_a_key_is_looked_up_once_and_then_known(directory: KeyDirectory, reader: Reader) -> None:
    found = await directory.look_up(b"key")
    assert found is not None
    assert directory.known(b"key") == found
    assert await directory.look_up(b"stranger") is None
    assert directory.known(b"stranger") is None
    assert reader.terms[1] == {7: NO_TERMS}


async def test_a_key_that_cannot_ask_models_is_told_so_by_what_it_is(directory: KeyDirectory) -> None:
    known, manages, nobody = await asking(directory, b"k1", b"m1", b"x")
    with pytest.raises(Refusal, match="management key") as caught:
        await manages
    assert caught.value.code == "invalid_api_key"
    assert await known is not None
    assert await nobody is None
    with pytest.raises(Refusal, match="cannot ask models"):
        directory.find(b"m1")
    assert directory.find(b"x") is None
    assert directory.find(b"k1") is not None


async def test_all_who_ask_at_the_same_time_are_answered_by_one_question(
    directory: KeyDirectory, reader: Reader
) -> None:
    tasks = await asking(directory, b"k1", b"k1", b"x", b"k2")
    answers = await asyncio.gather(*tasks)
    assert reader.asked == [(b"k1", b"x", b"k2")]
    assert [answer is not None for answer in answers] == [True, True, False, True]


async def test_who_comes_while_a_question_is_under_way_is_in_the_next_one(
    directory: KeyDirectory, reader: Reader
) -> None:
    reader.let.clear()
    first = await asking(directory, b"k1")
    while not reader.asked:  # noqa: ASYNC110  it is asked in a thread
        await asyncio.sleep(0.001)
    second = await asking(directory, b"k1", b"k2")
    reader.let.set()
    for task in (*first, *second):
        assert await task is not None
    assert reader.asked == [(b"k1",), (b"k1", b"k2")]


async def test_no_question_is_too_long(directory: KeyDirectory, reader: Reader) -> None:
    await asyncio.gather(*(directory.look_up(b"k%d" % number) for number in range(key_directory.LOOKUPS_AT_ONCE + 1)))
    assert [len(asked) for asked in reader.asked] == [key_directory.LOOKUPS_AT_ONCE, 1]


async def test_what_was_read_while_a_change_was_announced_is_not_kept(
    directory: KeyDirectory, reader: Reader, counter: Counter
) -> None:
    reader.let.clear()
    (asked,) = await asking(directory, b"key")
    while not reader.asked:  # noqa: ASYNC110
        await asyncio.sleep(0.001)
    counter.count += 1
    # Whoever asked for it now sees that nothing is known; the answer that comes later is from before the change.
    assert directory.known(b"key") is None
    reader.let.set()
    assert await asked is not None
    assert directory.known(b"key") is None
    await directory.look_up(b"key")
    assert reader.terms[-1] == {}
    assert directory.known(b"key") is not None


async def test_a_database_that_does_not_answer_is_not_waited_for(
    directory: KeyDirectory, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_directory, "LOOKUP_WAIT_S", 0.01)
    reader.let.clear()
    with pytest.raises(Refusal) as refused:
        await directory.look_up(b"key")
    assert refused.value.code == "not_ready"
    reader.let.set()
    monkeypatch.setattr(key_directory, "LOOKUP_WAIT_S", 5)
    assert await directory.look_up(b"key") is not None


async def test_a_question_that_fails_is_said_to_all_who_wait_and_the_next_one_is_asked(
    directory: KeyDirectory, reader: Reader
) -> None:
    reader.broken = Refusal("not_ready", "gone")
    answers = await asyncio.gather(*(await asking(directory, b"k1", b"k2")), return_exceptions=True)
    assert answers == [reader.broken, reader.broken]
    reader.broken = None
    assert await directory.look_up(b"k1") is not None


async def test_a_flood_of_strangers_is_refused_beyond_a_bound(
    directory: KeyDirectory, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_directory, "LOOKUPS_MAX", 2)
    tasks = await asking(directory, b"a", b"b", b"c")
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert outcomes[:2] == [None, None]
    assert isinstance(outcomes[2], Refusal)


async def test_a_change_that_nobody_announced_is_found_by_polling(directory: KeyDirectory, reader: Reader) -> None:
    await directory.look_up(b"key")
    await directory.poll()
    assert directory.known(b"key") is not None
    reader.current = "2"
    await directory.poll()
    assert directory.known(b"key") is None
    directory.close()


async def test_what_was_read_just_before_a_change_that_polling_finds_is_not_kept(
    directory: KeyDirectory, reader: Reader
) -> None:
    reader.let.clear()
    (asked,) = await asking(directory, b"key")
    while not reader.asked:  # noqa: ASYNC110
        await asyncio.sleep(0.001)
    polled = asyncio.create_task(directory.poll())
    await asyncio.sleep(0)
    reader.current = "2"
    reader.let.set()
    # The loop is kept until the thread has read both: it hears of them in one turn.
    directory._thread.submit(int).result()
    assert await asked is not None
    await polled
    assert directory.known(b"key") is None


async def test_many_keys_are_let_go_of_bit_by_bit_and_known_no_more_at_once(reader: Reader, counter: Counter) -> None:
    directory = KeyDirectory(reader, counter, entries_max=10_000, embedded=True)
    digests = [b"k%d" % number for number in range(3 * key_directory.LET_GO_AT_ONCE + 1)]
    for digest in digests:
        directory.find(digest)
    old = directory._entries
    counter.count += 1

    assert directory.known(digests[0]) is None
    sizes = [len(old)]
    while old:
        await asyncio.sleep(0)
        sizes.append(len(old))
    assert sizes == [1001, 501, 1, 0]
    assert directory.find(digests[0]) is not None
    directory.close()
