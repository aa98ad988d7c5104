"""What users of other gateways lost money by, and the tests by which they would not lose it here.

The numbers are those of the complaints that Tollway's design began with; each has its lesson in one line. A test named
`test_lesson_NUMBER_…` belongs to its lesson by its name; tests with names of their own are listed here. Every lesson
has at least one, and every test that is listed exists.
"""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.tidy.tree import ROOT

NAMED = re.compile(r"test_lesson_((?:\d+_and_)*\d+)_")

GATEWAY = "tests/e2e/gateway/"
CRASH = "tests/crash/test_crash_harness.py"

LESSONS: dict[int, tuple[str, tuple[str, ...]]] = {
    2: ("What is old goes in SQL, in bounded pieces, and never through memory.", ()),
    4: ("Effective limits are found in one place, in whichever way they were set.", ()),
    5: ("A limit holds for parallel requests, and for a row that does not exist yet.", ()),
    6: (
        "A hold ends with its request, however that ends.",
        (
            GATEWAY + "test_http.py::test_many_clients_that_vanish_leave_nothing_held",
            GATEWAY + "test_leaving.py::test_a_client_that_leaves_a_stream_pays_what_its_provider_bills",
            "tests/unit/relay/test_meter.py::test_a_stream_that_is_cancelled_while_it_waits_for_money_leaves_nothing_behind",
        ),
    ),
    7: (
        "What cannot be written is not admitted.",
        (GATEWAY + "test_http.py::test_while_the_ledger_cannot_be_written_nothing_is_served_and_then_it_goes_on",),
    ),
    8: (
        "A stream that dies is settled to what was delivered, and its hold is not free before.",
        (
            GATEWAY
            + "test_provider_failures.py::test_a_stream_that_breaks_ends_with_an_error_and_charges_what_was_delivered",
        ),
    ),
    9: (
        "A stop loses no charge, and a kill neither.",
        (
            "tests/crash/test_polite_stop.py::test_a_polite_stop_lets_running_streams_end_and_writes_every_charge",
            GATEWAY + "test_shutdown.py::test_a_second_signal_ends_the_grace_and_every_line_is_written",
            GATEWAY + "test_surroundings.py::test_a_stop_that_loses_a_charge_says_so_and_is_a_failure",
            CRASH + "::test_kills_under_mixed_load_lose_no_charge_double_none_and_leave_nothing_held",
        ),
    ),
    10: ("Ready means that a row of the ledger can be written.", ()),
    11: (
        "A setting that cannot take effect stops the start.",
        (
            "tests/unit/settings/test_reading_settings.py::test_one_mistake_is_one_line",
            GATEWAY + "test_start.py::test_every_mistake_of_a_settings_file_is_told_at_once_with_file_and_key",
        ),
    ),
    12: ("Absent, zero and unknown are three things; streamed and whole are priced by one function.", ()),
    13: (
        "A client that leaves pays what its provider bills: read on where it bills to the end, within bounds.",
        (GATEWAY + "test_leaving.py::test_an_answer_in_one_piece_is_paid_though_its_client_has_left",),
    ),
    14: (
        "A charge does not depend on a log.",
        (GATEWAY + "test_surroundings.py::test_a_log_that_cannot_be_written_costs_no_request",),
    ),
    15: ("One request is one charge, through however many hands it goes.", ()),
    16: ("A token is counted in one unit only.", ()),
    17: (
        "Limits are not multiplied by workers.",
        (GATEWAY + "test_caps.py::test_two_workers_keep_one_cap",),
    ),
    18: (
        "A store that is slow, and not dead, keeps nobody waiting for ever.",
        (
            GATEWAY
            + "test_surroundings.py::test_while_the_store_is_locked_a_running_answer_waits_and_nobody_else_does",
            "tests/e2e/store/test_presence.py::test_a_paused_database_is_noticed_and_nobody_waits_for_ever",
        ),
    ),
    19: ("A database without room for every worker's connections is told so before anybody is served.", ()),
    20: (
        "A store of another schema is not served.",
        (GATEWAY + "test_start.py::test_a_store_of_another_schema_version_is_not_served_and_the_command_is_named",),
    ),
    21: ("The price that was charged stands on the charge, and a price that cannot be is none.", ()),
    37: (
        "The truth about money is shared from the first day.",
        (GATEWAY + "test_money.py::test_two_workers_spend_one_balance_and_not_one_nano_more",),
    ),
    38: (
        "No route reaches a provider around admission.",
        (GATEWAY + "test_routes.py::test_without_a_key_each_guarded_route_is_a_401_and_the_provider_hears_nothing",),
    ),
    39: ("Unknown fields are errors, and effective limits are shown.", ()),
    40: ("A later report of usage takes the place of an earlier one.", ()),
    41: ("Prices have one unit, and bounds.", ()),
    42: (
        "After a migration the schema is what the program thinks it is.",
        ("tests/e2e/store/test_schema.py::test_a_new_store_is_what_the_migrations_make",),
    ),
    46: (
        "Logs may be lost, charges may not.",
        (GATEWAY + "test_surroundings.py::test_a_log_that_cannot_be_written_costs_no_request",),
    ),
    47: ("There is a prepaid balance, and one budget holds over all providers.", ()),
    51: (
        "What a client held that has left is free again.",
        (
            GATEWAY + "test_provider_failures.py"
            "::test_a_client_that_leaves_stops_the_provider_and_pays_for_what_was_generated",
        ),
    ),
    52: ("Every attempt is on record.", ()),
    53: (
        "An answer that is given again has its usage too.",
        (),
    ),
    54: ("Prices come along.", ()),
    55: (
        "A charge is on the disk before its reply ends.",
        (
            GATEWAY + "test_durable_first.py::test_the_end_of_a_stream_waits_for_its_charge",
            GATEWAY + "test_durable_first.py::test_the_first_byte_of_a_stream_leaves_a_line_whatever_ends_the_process",
        ),
    ),
    59: (
        "What the provider reports goes before what we count, and an estimate says that it is one.",
        (
            GATEWAY + "test_chat.py::test_an_answer_without_usage_is_estimated_and_says_so",
            GATEWAY + "test_chat.py::test_a_stream_without_usage_is_estimated_and_still_shows_its_cost",
        ),
    ),
    63: (
        "Parallel requests do not overdraw.",
        (GATEWAY + "test_money.py::test_64_parallel_requests_against_money_for_10_get_exactly_10_answers",),
    ),
    64: (
        "A defect of ours leaves nothing held.",
        (
            GATEWAY + "test_provider_failures.py"
            "::test_an_answer_is_charged_when_it_is_delivered_and_never_otherwise_however_deep_it_is",
        ),
    ),
    65: ("How a request was charged stands on its line.", ()),
    66: (
        "What failed before a word was written is free.",
        (GATEWAY + "test_provider_failures.py::test_a_failure_before_the_first_byte_is_an_error_and_free",),
    ),
    67: ("A payment is believed when it is signed, and when provider, amount, currency, order and state agree.", ()),
    70: ("A long stream extends its hold.", ()),
    71: ("Nothing that was used up, changed or revoked goes on because somebody remembers it.", ()),
    72: ("A stream whose money has ended is ended, honestly.", ()),
    73: ("What pays is agreed before, and stands on the line.", ()),
    74: (
        "An error of the provider before the first byte of a stream leaves nothing held.",
        (GATEWAY + "test_provider_failures.py::test_a_failure_before_the_first_byte_is_an_error_and_free",),
    ),
    75: ("The cache has many names and is counted once.", ()),
    76: (
        "A stream is held for and settled like an answer in one piece.",
        (GATEWAY + "test_money.py::test_money_is_held_while_a_request_runs_and_given_back_after_it",),
    ),
}


@cache
def known() -> dict[str, frozenset[str]]:
    """Return the names of the tests in each file."""
    found: dict[str, frozenset[str]] = {}
    for path in (ROOT / "tests").rglob("test_*.py"):
        names = frozenset(functions(path))
        found[path.relative_to(ROOT).as_posix()] = names
    return found


def functions(path: Path) -> Iterator[str]:
    """Yield the names of the tests in a file."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            yield node.name


@cache
def by_name() -> dict[int, tuple[str, ...]]:
    """Return the tests that carry the number of a lesson in their names."""
    found: defaultdict[int, list[str]] = defaultdict(list)
    for path, names in known().items():
        for name in sorted(names):
            match = NAMED.match(name)
            for number in match[1].split("_and_") if match else ():
                found[int(number)].append(f"{path}::{name}")
    return {number: tuple(paths) for number, paths in found.items()}


@pytest.mark.parametrize("number", LESSONS)
def test_a_lesson_about_money_has_a_test(number: int) -> None:
    lesson, others = LESSONS[number]
    missing = [test for test in others if test.partition("::")[2] not in known().get(test.partition("::")[0], ())]
    assert missing == [], "a test that proves a lesson was renamed or removed"
    assert [*by_name().get(number, ()), *others], f"nothing proves: {lesson}"
