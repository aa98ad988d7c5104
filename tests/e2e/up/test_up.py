"""`tollway up`: from an empty folder to a billed reply of the real model, by the official client in both generations."""

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from tollway.local_model.supervisor import available

pytestmark = pytest.mark.skipif(available() is not None, reason="there is no local model on this machine")

TOLLWAY = (sys.executable, "-m", "tollway")
PROGRAM = Path(__file__).with_name("sdk_program.py")
MODEL = "smollm2-135m-instruct"


@contextlib.contextmanager
def up(folder: Path, *words: str) -> Iterator[tuple[dict[str, Any], subprocess.Popen[bytes]]]:
    """Run `tollway up` in a folder; yield what it printed."""
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(
            [*TOLLWAY, "up", "--json", "--port", "0", *words], stdout=subprocess.PIPE, stderr=log, cwd=folder
        )
    assert process.stdout is not None
    timer = threading.Timer(60, process.kill)
    timer.start()
    try:
        first = process.stdout.readline()
        timer.cancel()  # what it is asked has time limits of its own
        assert first, (folder / "log").read_text()
        yield json.loads(first), process
    finally:
        timer.cancel()
        process.terminate()
        process.wait(60)
        process.stdout.close()


def command(folder: Path, *words: str) -> Any:
    """Run a command on the folder's deployment, as a user beside it does."""
    done = subprocess.run(
        [*TOLLWAY, *words, "--json"], cwd=folder, capture_output=True, text=True, timeout=60, check=True
    )
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, dict[str, Any]]]:
    """One `up` for the module."""
    folder = tmp_path_factory.mktemp("up")
    with up(folder) as (said, _):
        yield folder, said


@pytest.mark.parametrize("generation", ["newest", "1.x"])
def test_the_official_client_gets_billed_answers_that_the_ledger_confirms(
    running: tuple[Path, dict[str, Any]], openai_1: Path, generation: str
) -> None:
    folder, said = running
    env = os.environ | {"TOLLWAY_URL": f"{said['url']}/v1", "TOLLWAY_KEY": said["api_key"]}
    if generation == "1.x":
        env["PYTHONPATH"] = str(openai_1)
    done = subprocess.run(
        [sys.executable, str(PROGRAM)], env=env, capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stderr
    ways = json.loads(done.stdout)
    assert ways.pop("version").startswith("1." if generation == "1.x" else "3.")
    assert len(ways) == 4
    assert len({way["text"] for way in ways.values()}) == 1, "streamed or not, the same question has the same answer"
    assert ways["sync"]["text"]
    for way in ways.values():
        assert Decimal(way["cost"]) > 0
        if "id" in way:
            line = command(folder, "requests", "show", way["id"])
            assert Decimal(line["total_cost"]) == Decimal(way["cost"])
            assert line["outcome"] == "completed"
    assert command(folder, "ledger", "check")["clean"] is True


def test_a_json_schema_binds_the_answer_through_the_gateway(running: tuple[Path, dict[str, Any]]) -> None:
    _, said = running
    schema = {
        "type": "object",
        "properties": {"colour": {"type": "string", "enum": ["red", "green"]}},
        "required": ["colour"],
        "additionalProperties": False,
    }
    body = {
        "model": MODEL,
        "max_tokens": 40,
        "messages": [{"role": "user", "content": "Name a colour."}],
        "response_format": {"type": "json_schema", "json_schema": {"name": "colour", "schema": schema, "strict": True}},
    }
    headers = {"authorization": f"Bearer {said['api_key']}"}
    response = httpx.post(f"{said['url']}/v1/chat/completions", json=body, headers=headers, timeout=60)
    assert json.loads(response.json()["choices"][0]["message"]["content"])["colour"] in {"red", "green"}


def test_the_keys_are_the_same_the_second_time_and_5_usd_is_given_once(tmp_path: Path) -> None:
    with up(tmp_path, "--no-local-model") as (first, _):
        pass
    with up(tmp_path, "--no-local-model") as (second, _):
        assert (first["api_key"], first["admin_key"]) == (second["api_key"], second["admin_key"])
        accounts = command(tmp_path, "account", "list")
        assert len(accounts) == 1
        assert command(tmp_path, "balance", accounts[0]["id"]) == {"balance": "5.00", "held": "0.00", "currency": "USD"}
    private = tmp_path / "tollway-data" / "first-keys.json"
    assert private.stat().st_mode & 0o077 == 0
    assert first["api_key"].encode() not in (tmp_path / "tollway-data" / "tollway.db").read_bytes()


def test_it_prints_what_can_be_pasted(tmp_path: Path) -> None:
    with (tmp_path / "out").open("wb") as out:
        process = subprocess.Popen([*TOLLWAY, "up", "--port", "0"], stdout=out, cwd=tmp_path)
    try:
        text = ""
        while "curl" not in text or not text.endswith("\n"):
            assert process.poll() is None
            text = (tmp_path / "out").read_text()
        line = text[text.index("curl ") :]
        done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, timeout=60, check=True)
        answer = json.loads(done.stdout)
        assert answer["choices"][0]["message"]["content"]
        assert answer["usage"]["total_cost_usd"] > 0
    finally:
        process.terminate()
        process.wait(60)


def test_kill_9_takes_the_model_along_and_the_next_start_serves_again(tmp_path: Path) -> None:
    with up(tmp_path) as (said, process):
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        assert len(children) == 1
        watched = os.pidfd_open(int(children[0]))
        process.send_signal(signal.SIGKILL)
        process.wait(20)
        assert select.select([watched], [], [], 20)[0], "the model's process ended with its parent"
        os.close(watched)
    with up(tmp_path) as (again, _):
        assert again["api_key"] == said["api_key"]
        headers = {"authorization": f"Bearer {again['api_key']}"}
        body = {"model": MODEL, "max_tokens": 3, "messages": [{"role": "user", "content": "Hi"}]}
        assert (
            httpx.post(f"{again['url']}/v1/chat/completions", json=body, headers=headers, timeout=60).status_code == 200
        )


def test_a_taken_port_is_said_in_one_line(tmp_path: Path) -> None:
    with up(tmp_path, "--no-local-model") as (said, _):
        port = said["url"].split(":")[2]
        words = ["up", "--port", port, "--no-local-model", "--data", str(tmp_path / "other")]
        done = subprocess.run([*TOLLWAY, *words], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 1
        assert done.stderr.count("\n") == 1
        assert port in done.stderr
