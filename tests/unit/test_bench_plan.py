"""The plan of the benchmark against what carries it out: every measure fills lines, and every bar is measured."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.tidy.tree import ROOT

MODULES = (
    "answers",
    "arguments",
    "budget",
    "failure",
    "figures",
    "interpreter",
    "lanes",
    "loads",
    "payloads",
    "peers",
    "plan",
    "report",
    "rows",
    "runs",
    "servers",
)


@pytest.fixture(scope="module")
def bench() -> Iterator[Any]:
    """The modules of the benchmark, which find each other as those of a program do."""
    folder, known = str(ROOT / "bench"), set(sys.modules)
    sys.path.insert(0, folder)
    yield SimpleNamespace(**{name: import_module(name) for name in MODULES})
    sys.path.remove(folder)
    for name in set(sys.modules) - known:
        if (getattr(sys.modules[name], "__file__", None) or "").startswith(folder):
            del sys.modules[name]


def test_every_measure_of_a_part_has_a_name_of_its_own(bench: Any) -> None:
    for plan in bench.plan.PLANS.values():
        for part in plan:
            names = [measure.name for measure in part.measures]
            assert len(names) == len(set(names)), part.name


def test_every_measure_but_that_of_the_books_fills_lines(bench: Any) -> None:
    for plan in bench.plan.PLANS.values():
        for part in plan:
            empty = [measure.name for measure in part.measures if not bench.rows.rows_of(measure)]
            assert empty in ([], ["books-64"])


def test_wrk_is_given_whole_seconds(bench: Any) -> None:
    wrk = {bench.loads.Generator.WRK, bench.loads.Generator.KEYS}
    measures = [m for plan in bench.plan.PLANS.values() for part in plan for m in part.measures]
    assert [m.name for m in measures if m.generator in wrk and m.size != int(m.size)] == []


def test_every_bar_of_the_budget_is_measured_by_the_full_plan(bench: Any) -> None:
    measured = {(m.name, peer) for part in bench.plan.FULL for m in part.measures for peer in m.peers}
    for bar in bench.budget.BARS:
        if bar.measure != bench.figures.MEMORY:
            assert {(bar.measure, bar.of), (bar.measure, bar.over or bar.of)} <= measured, bar.what


def test_a_request_has_exactly_its_size_and_is_json(bench: Any) -> None:
    asks = dict.fromkeys(ask for part in bench.plan.FULL for ask in bench.plan.asks_of(part))
    for ask in asks:
        body = bench.payloads.request_body(ask)
        assert len(body) == ask.body_bytes, ask.model
        json.loads(body)


def test_an_answer_can_stand_in_a_configuration(bench: Any) -> None:
    for ask in bench.lanes.LANES:
        answer = bench.answers.answer(ask)
        assert answer
        assert ask.stream or not {"'", "$"} & set(answer.decode()), ask.model


def run_of(bench: Any, peer: str, figures: dict[str, float], *, measure: str = "plain-64") -> Any:
    return bench.runs.Run(
        part="core", measure=measure, peer=peer, round=0, figures=figures, problems=(), outsider=False, parity=None
    )


def test_the_budget_says_what_is_held_and_what_is_missed(bench: Any) -> None:
    runs = [run_of(bench, "nginx", {"cpu": 20.0}), run_of(bench, "Tollway", {"cpu": 90.0})]
    text = bench.budget.budget(["core"], bench.figures.figures_of(runs, {}))
    assert "| CPU per plain request, 64 connections | ≤ 4 × nginx | 4.50 × nginx | **MISSED** |" in text
    runs = [run_of(bench, "LiteLLM", {"cpu": 9000.0}), run_of(bench, "Tollway", {"cpu": 90.0})]
    text = bench.budget.budget(["core"], bench.figures.figures_of(runs, {}))
    assert "| requests per core beside LiteLLM | ≥ 100 × | 100 × | held |" in text


def test_the_first_token_has_a_line_for_a_provider_that_answers_at_once_and_one_for_one_that_thinks(bench: Any) -> None:
    runs = [
        run_of(bench, peer, {"first_p99": first_us}, measure=measure)
        for measure, peer, first_us in (
            ("streams-100", "direct", 200.0),
            ("streams-100", "Tollway", 900.0),
            ("thinking-100", "direct", 20_100.0),
            ("thinking-100", "Tollway", 20_500.0),
        )
    ]
    text = bench.budget.budget(["core"], bench.figures.figures_of(runs, {}))
    added = "added time to first token p99, 100 streams, provider"
    assert f"| {added} answers at once | ≤ 0.5 ms | 0.70 ms | **MISSED** |" in text
    assert f"| {added} thinks 20 ms | ≤ 0.5 ms | 0.40 ms | held |" in text


def test_the_first_token_of_a_provider_that_thinks_has_lines_of_its_own(bench: Any) -> None:
    rows = bench.rows.rows_of(bench.plan.thinking(100, rounds=1, each=1))
    assert [row.label for row in rows] == [
        "first token p50, provider thinks 20 ms, 100 streams (ms)",
        "first token p99, provider thinks 20 ms, 100 streams (ms)",
        "added first token p50, provider thinks 20 ms, 100 streams (ms)",
        "added first token p99, provider thinks 20 ms, 100 streams (ms)",
    ]


@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")
@pytest.mark.parametrize("think_ms", [0, 20])
def test_a_provider_that_thinks_sends_nothing_before_and_then_its_whole_stream(
    bench: Any, tmp_path: Path, think_ms: int
) -> None:
    port, provider = bench.servers.free_port(), bench.servers.build("upstream", tmp_path)
    with subprocess.Popen([provider, str(port), "3", "1", str(think_ms)]) as process:
        try:
            while not bench.servers.accepts(port):
                assert process.poll() is None
            with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
                begun = time.monotonic()
                client.sendall(b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}")
                answer = client.recv(65536)
                waited_ms = (time.monotonic() - begun) * 1000
                while not answer.endswith(b"0\r\n\r\n"):
                    answer += client.recv(65536)
        finally:
            process.kill()
    assert waited_ms >= think_ms
    assert [f'"n{number:03}t'.encode() in answer for number in range(4)] == [True, True, True, False]
    assert b"data: [DONE]" in answer


@pytest.mark.skipif(not all(map(shutil.which, ("cc", "wrk", "taskset"))), reason="no load generator")
def test_only_requests_of_keys_in_turn_count_as_turns(bench: Any, tmp_path: Path) -> None:
    port, plain = bench.servers.free_port(), bench.payloads.PLAIN
    peer = bench.peers.Peer(name="p", ports={plain: port}, key="k", server=None, keys=("k", "l", "m"))
    site = bench.loads.LoadSite(cores=os.sched_getaffinity(0), scratch=tmp_path, loop_program=tmp_path)
    measure = bench.loads.Measure(name="one key", connections=1, size=1)
    with subprocess.Popen([bench.servers.build("upstream", tmp_path), str(port), "1", "1", "0"]) as process:
        try:
            while not bench.servers.accepts(port):
                assert process.poll() is None
            assert bench.loads.run_load(site, measure, peer).answers > 0
            assert site.turns == {}
            seen = bench.loads.run_load(site, replace(measure, generator=bench.loads.Generator.KEYS), peer)
        finally:
            process.kill()
    assert site.turns == {"p": seen.answers}


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"CONFIG_ARGS": "'--enable-optimizations' '--with-lto'"}, "profile-guided, as configured"),
        (
            {"PGO_PROF_GEN_FLAG": "-fprofile-generate", "PGO_PROF_USE_FLAG": ""},
            "profile-guided, as Debian's packages are",
        ),
        (
            {"PGO_PROF_GEN_FLAG": "-fprofile-generate", "PGO_PROF_USE_FLAG": "-fprofile-use -fprofile-correction"},
            "not configured as profile-guided",
        ),
        ({}, "not configured as profile-guided"),
    ],
)
def test_a_result_says_whether_its_interpreter_is_profile_guided(
    bench: Any, variables: dict[str, str], said: str
) -> None:
    assert bench.interpreter.profile({"CONFIG_ARGS": "'--prefix=/usr'", **variables}, "x86_64") == said


def test_a_result_says_who_built_its_interpreter_and_not_where_it_lies(bench: Any) -> None:
    for executable, prefix, builder in (
        ("/home/somebody/.pyenv/versions/3.11.7/bin/python3.11", "/home/somebody/.pyenv/versions/3.11.7", "pyenv"),
        ("/usr/bin/python3.11", "/usr", "the distribution"),
        ("/opt/ours/bin/python3", "/opt/ours", "a folder of its own"),
    ):
        assert bench.interpreter.builder(Path(executable), prefix) == builder
    assert str(Path.home()) not in bench.interpreter.facts_of_interpreter()


def test_who_cannot_keep_up_has_no_latency(bench: Any) -> None:
    row = bench.figures.Row(label="p50", measure="open-500", figure="p50")
    for share, shown in ((0.5, "cannot keep up"), (0.01, "7")):
        runs = [run_of(bench, "Tollway", {"p50": 7.0, "behind": share}, measure="open-500")]
        assert bench.figures.cell(row, "core", "Tollway", bench.figures.figures_of(runs, {})) == shown


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--parts", "everything"], "no such part"),
        (["--measures", "plain-65"], "no such measure"),
        (["--only", "apache"], "no such gateway"),
        (["--peer", "http://127.0.0.1:1"], "NAME=URL"),
        (["--peer-key", "k"], "more --peer-key"),
    ],
)
def test_what_makes_no_sense_is_refused(
    bench: Any, capsys: pytest.CaptureFixture[str], words: list[str], complaint: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        bench.arguments.parse(words)
    assert ended.value.code == 2
    assert complaint in capsys.readouterr().err


def test_parts_and_measures_are_chosen(bench: Any) -> None:
    asked = bench.arguments.parse(["--parts", "core,growth", "--measures", "plain-1", "--growth-charges", "5"])
    assert [(part.name, [m.name for m in part.measures]) for part in asked.parts] == [("core", ["plain-1"])]
    assert asked.settings["Tollway, 100,000 keys"].filling.charges == 5


def test_the_pins_of_the_other_gateway_are_versions_and_hashes_without_addresses() -> None:
    lock = json.loads((ROOT / "bench" / "pins" / "portkey" / "package-lock.json").read_text())
    packages = {name: pin for name, pin in lock["packages"].items() if name}
    assert all(pin["version"] and pin["integrity"].startswith("sha512-") for pin in packages.values())
    assert not any("resolved" in pin for pin in packages.values())
