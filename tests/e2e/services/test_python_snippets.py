"""Every Python snippet of the services' pages, unchanged but for base URL and key: what it prints, sends and costs.

Each runs with the newest clients and with the generation before, against a deployment of its brand and against one that
has all brands.
"""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from tests.e2e.services.deployments import Serve, Served
from tests.e2e.services.interpreter import Interpreter
from tests.e2e.services.running import Outcome, Reader, assert_nothing_of_ours_is_sent
from tests.e2e.services.scripted import TEXT, Scripted, failing
from tests.e2e.services.seeds import AIGATEWAY, GOGPU, GONKAGATE, INGATE, SEEDS, SNIPPETS_BY_ROW, Brand, without_space

CHAT, MESSAGES = "/v1/chat/completions", "/v1/messages"
LINE = f"{TEXT}\n"

PRINTED = {
    "G1": LINE, "G2": LINE, "O3": LINE,
    "I1": LINE, "I2": LINE, "I3": TEXT, "I4": LINE, "I5": TEXT, "I6": LINE, "I7": LINE, "I8": "", "I10": LINE,
    "A1": TEXT,
}  # fmt: skip
"""What each that works prints; I9 only makes clients, and I11 ends in an error of its own."""

AT_ANTHROPIC = {"I4", "I5", "I6"}
TRACKED = {
    "I7": {"end_user": "user_abc123", "session": "sess_xyz789"},
    "I8": {"end_user": "user_of_this_request", "session": "sess_of_this_request"},
}

Read = Callable[[Brand], Reader]


@pytest.fixture(scope="module")
def read(
    serve: Serve, provider: Scripted, interpreters: Callable[[str], Interpreter], generation: str
) -> Callable[[Brand], Reader]:
    """Somebody who follows a brand's pages."""
    readers: dict[str, Reader] = {}

    def of(brand: Brand) -> Reader:
        if brand.name not in readers:
            readers[brand.name] = Reader(serve(brand), provider, interpreters(generation))
        return readers[brand.name]

    return of


@pytest.mark.skipif(not SEEDS.is_dir(), reason="the services' pages are not beside the repository")
@pytest.mark.parametrize("row", SNIPPETS_BY_ROW)
def test_a_snippet_is_the_one_that_is_printed(row: str) -> None:
    pages = [without_space(page.read_text()) for page in SEEDS.glob("*.txt")]
    assert any(without_space(SNIPPETS_BY_ROW[row].printed()) in page for page in pages)


@pytest.mark.parametrize("row", PRINTED)
def test_a_snippet_runs_unchanged_and_the_books_know_it(read: Read, row: str) -> None:
    outcome = read(SNIPPETS_BY_ROW[row].brand).run(row)
    assert outcome.ran.error is None
    assert outcome.ran.out == PRINTED[row]
    assert outcome.ran.retries == 0
    assert_nothing_of_ours_is_sent(outcome.sent)
    assert [seen.path for seen in outcome.sent] == [MESSAGES if row in AT_ANTHROPIC else CHAT]
    (exchange,) = outcome.exchanges
    assert exchange["outcome"] == "completed"
    assert Decimal(exchange["total_cost"]) > 0
    assert exchange["basis"] == "reported"
    who = {name: exchange[name] for name in ("end_user", "session", "tag")}
    assert who == {"end_user": None, "session": None, "tag": None} | TRACKED.get(row, {})


def test_i6_is_translated_and_given_the_limit_that_the_provider_demands(read: Read) -> None:
    outcome = read(INGATE).run("I6")
    (seen,) = outcome.sent
    assert "max_tokens" not in SNIPPETS_BY_ROW["I6"].printed()
    assert seen.body["max_tokens"] > 0
    assert outcome.exchanges[0]["lane"] == "translated"
    assert outcome.exchanges[0]["provider"] == "anthropic"


USE_THE_CLIENTS = """
for made, model in (
    (default_client, "gpt-4o"),
    (openai_client, "gpt-4o"),
    (claude_client, "claude-sonnet-4-20250514"),
    (tracked_client, "gpt-4o"),
):
    said = made.chat.completions.create(model=model, messages=[{"role": "user", "content": "Hi"}])
    print(said.choices[0].message.content)
"""


def test_i9_makes_clients_of_which_each_answers(read: Read) -> None:
    reader = read(INGATE)
    assert reader.run("I9").ran.out == ""
    outcome = reader.run("I9", then=USE_THE_CLIENTS)
    assert outcome.ran.error is None
    assert outcome.ran.out == LINE * 4
    assert_nothing_of_ours_is_sent(outcome.sent)
    assert [seen.path for seen in outcome.sent] == [CHAT, CHAT, MESSAGES, CHAT]
    assert [line["end_user"] for line in outcome.exchanges] == [None, None, None, "user_abc"]
    assert [line["session"] for line in outcome.exchanges] == [None, None, None, "sess_xyz"]


def test_a1_ends_with_the_counts_in_a_chunk_that_has_a_choice(read: Read) -> None:
    outcome = read(AIGATEWAY).run("A1", then="print(); print(len(chunk.choices), chunk.usage.model_dump_json())")
    assert outcome.ran.error is None
    said, _, last = outcome.ran.out.partition("\n")
    assert said == TEXT, "every content is a text: one that was none would have been printed"
    choices, _, usage = last.partition(" ")
    assert choices == "1"
    counts = json.loads(usage)
    (exchange,) = outcome.exchanges
    assert counts["prompt_tokens"] == exchange["usage"]["input"] + exchange["usage"]["cached_input"] == 1200
    assert counts["completion_tokens"] == 120


AT_ONCE = """
async def ask():
    response = await client.chat.completions.create(
        model="qwen/qwen3-235b-a22b-instruct-2507-fp8",
        messages=[{"role": "user", "content": "Hello from one of many"}],
    )
    return response.choices[0].message.content

async def ask_all():
    async with AsyncOpenAI(base_url=client.base_url, api_key=client.api_key) as another:
        globals()["client"] = another
        return await asyncio.gather(*(ask() for _ in range(20)))

print("\\n".join(asyncio.run(ask_all())))
"""


def test_g2_answers_many_at_once_with_one_key(read: Read) -> None:
    outcome = read(GONKAGATE).run("G2", then=AT_ONCE)
    assert outcome.ran.error is None
    assert outcome.ran.out == LINE * 21
    assert len(outcome.exchanges) == 21


ASYNC_ANTHROPIC = """
import asyncio

async def ask():
    async with anthropic.AsyncAnthropic(base_url=client.base_url, api_key=client.api_key) as another:
        whole = await another.messages.create(**asked)
        print(whole.content[0].text)
        async with another.messages.stream(**asked) as stream:
            async for text in stream.text_stream:
                print(text, end="", flush=True)

asked = {
    "model": "claude-sonnet-4-20250514",
    "max_tokens": 200,
    "messages": [{"role": "user", "content": "Hello from async!"}],
}
asyncio.run(ask())
"""


def test_i4_works_identically_with_the_async_client(read: Read) -> None:
    outcome = read(INGATE).run("I4", then=ASYNC_ANTHROPIC)
    assert outcome.ran.error is None
    assert outcome.ran.out == LINE + LINE + TEXT
    assert len(outcome.exchanges) == 3


# -- Errors, as the pages say they look

NOT_A_KEY = "not-a-key-of-anyone"


def error_of(outcome: Outcome) -> dict[str, Any]:
    """Return the error that a snippet raised."""
    assert outcome.ran.error is not None, outcome.ran
    return outcome.ran.error


def poor(served: Served) -> str:
    """Return a key of an account that has nothing."""
    return served.key(served.account("0"))["key"]


def test_g1_with_a_bad_key_gets_invalid_api_key(read: Read) -> None:
    for secret in (NOT_A_KEY, "gp-your-api-key"):
        outcome = read(GONKAGATE).run("G1", secret=secret)
        error = error_of(outcome)
        assert "openai.AuthenticationError" in error["kinds"]
        assert (error["status"], error["code"]) == (401, "invalid_api_key")
        assert outcome.ran.retries == 0
        assert outcome.sent == []


def test_g1_with_a_model_that_is_gone_gets_model_not_found(read: Read) -> None:
    outcome = read(GONKAGATE).run("G1", changes={"qwen3-235b-a22b-instruct-2507-fp8": "gone-fp8"})
    error = error_of(outcome)
    assert "openai.NotFoundError" in error["kinds"]
    assert (error["status"], error["code"]) == (404, "model_not_found")
    assert outcome.sent == []


def test_g1_without_money_gets_insufficient_quota_and_asks_once(read: Read) -> None:
    reader = read(GONKAGATE)
    outcome = reader.run("G1", secret=poor(reader.served))
    error = error_of(outcome)
    assert "openai.RateLimitError" in error["kinds"]
    assert (error["status"], error["code"]) == (429, "insufficient_quota")
    assert outcome.ran.retries == 0, "the client would ask thrice if it were not told otherwise"
    assert outcome.sent == []


def test_o3_errors_are_real_statuses_beside_the_envelope_of_the_page(read: Read) -> None:
    reader = read(GOGPU)
    for secret, status in ((NOT_A_KEY, 401), (poor(reader.served), None)):
        error = error_of(reader.run("O3", secret=secret))
        assert error["status"] >= 400
        assert status in (None, error["status"])
        body = json.loads(error["body"])
        assert (body["code"], body["data"]) == (7, {})
        assert body["msg"] == body["error"]["message"]


FAILED = {401: "Invalid Ingate API key\n", 429: "Rate limit exceeded, check your Ingate plan limits\n"}


def test_i11_prints_its_branches_for_a_bad_key_and_for_no_money(read: Read) -> None:
    reader = read(INGATE)
    assert reader.run("I11", secret=NOT_A_KEY).ran == (FAILED[401], None, 0)
    assert reader.run("I11", secret=poor(reader.served)).ran == (FAILED[429], None, 0)


def test_i11_prints_status_and_message_of_every_other_error(read: Read, provider: Scripted) -> None:
    reader = read(INGATE)
    gone = reader.run("I11", changes={"gpt-4o": "gpt-gone"})
    assert gone.ran.error is None
    assert gone.ran.out.startswith("API error 404: ")
    assert "gpt-gone" in gone.ran.out
    provider.scripts["gpt-4o"] = failing(500)
    try:
        failed = reader.run("I11")
    finally:
        del provider.scripts["gpt-4o"]
    assert failed.ran.error is None
    assert failed.ran.out.startswith("API error 5")
    assert failed.ran.retries == len(failed.sent) - 1 == 2


def test_i11_prints_the_answer_and_then_fails_where_the_client_has_no_headers(read: Read) -> None:
    outcome = read(INGATE).run("I11")
    assert outcome.ran.out == LINE
    assert error_of(outcome)["kinds"][0] == "builtins.AttributeError"
    assert "'headers'" in error_of(outcome)["text"]


THE_WORKING_WAY = """
raw = client.chat.completions.with_raw_response.create(
    model="gpt-4o",
    messages=[{"role": "user", "content": "Hello"}],
)
response = raw.parse()
print(response.choices[0].message.content)
request_id = raw.headers.get("X-Ingate-Request-Id")
print(f"Request ID: {request_id}")
"""


def test_the_request_id_is_read_from_the_raw_response(read: Read) -> None:
    outcome = read(INGATE).run("I1", then=THE_WORKING_WAY)
    assert outcome.ran.error is None
    _, exchange = outcome.exchanges
    assert outcome.ran.out == LINE + LINE + f"Request ID: {exchange['id']}\n"


def test_an_error_has_the_request_id_too(read: Read) -> None:
    error = error_of(read(INGATE).run("I1", secret=NOT_A_KEY))
    assert error["headers"]["x-ingate-request-id"] == error["headers"]["x-request-id"]
