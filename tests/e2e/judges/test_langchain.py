"""LangChain's own standard tests through three of its clients, against a real gateway: one judge from outside."""

import os
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from tests.e2e.judges.conftest import Judged, judge, run
from tests.e2e.up.test_up import MODEL, command, up
from tollway.local_model.supervisor import available

SUITE = Path(__file__).with_name("langchain")
OPTIONS = (
    *("-m", "pytest", "-q", "-ra", "--tb=short", "-c", "/dev/null", f"--rootdir={SUITE}", f"--confcutdir={SUITE}"),
    *("-p", "pytest_asyncio.plugin", "-o", "asyncio_mode=auto", "-o", "python_files=suite_*.py"),
    # The clients keep their connections from test to test, and a connection belongs to a loop.
    *("-o", "asyncio_default_test_loop_scope=session", "-o", "asyncio_default_fixture_loop_scope=session"),
    # A plugin, not a conftest.py: our own pytest would load that, and has none of LangChain's packages.
    *("-p", "files_from_here"),
    *("-p", "pytest_socket", "--allow-hosts=127.0.0.1", "--allow-unix-socket", "-o", "xfail_strict=true"),
)
WITHOUT_A_RECORDING = "not stream_time"
"""The one standard test that wants a recording of a real provider, for the client's own speed."""

PLAIN = (
    "(test_invoke and not override) or (test_stream and not override and not time) or test_conversation"
    " or test_usage_metadata or test_stop_sequence"
)


def judgement(folder: Path, *, upstream: str, chosen: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run the chosen tests."""
    report = f"--junitxml={folder / 'report.xml'}"
    return run(
        *(*OPTIONS, report, "-k", chosen, str(SUITE)),
        path=judge("langchain"),
        cwd=folder,
        env={
            "PYTHONPATH": f"{judge('langchain')}{os.pathsep}{SUITE}",
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "LANGSMITH_TRACING": "false",
            "LANGCHAIN_TESTS_USER_AGENT": "nobody",
            "JUDGED_UPSTREAM": upstream,
            **env,
        },
    )


def counts(folder: Path) -> tuple[int, int]:
    """Return how many tests passed, and how many failed as was expected."""
    cases = list(ET.parse(folder / "report.xml").iter("testcase"))
    expected = sum(case.find("skipped[@type='pytest.xfail']") is not None for case in cases)
    return sum(len(case) == 0 for case in cases), expected


@pytest.mark.parametrize(
    ("upstream", "ending", "expected_failures"),
    [("chat", "", 0), ("messages", "-messages", 4)],
    ids=["chat", "messages"],
)
def test_every_standard_test_passes_before_a_capable_model(
    judged: Judged, tmp_path: Path, upstream: str, ending: str, expected_failures: int
) -> None:
    env = {
        "TOLLWAY_URL": judged.tollway.url,
        "TOLLWAY_KEY": judged.key,
        "JUDGED_MODEL": f"capable{ending}",
        "JUDGED_OTHER_MODEL": f"other{ending}",
    }
    done = judgement(tmp_path, upstream=upstream, chosen=WITHOUT_A_RECORDING, env=env)
    assert done.returncode == 0, done.stdout[-20000:] + done.stderr[-2000:]
    passed, failed = counts(tmp_path)
    assert passed >= 175
    assert failed == expected_failures
    judged.tollway.check()


@pytest.mark.skipif(available() is not None, reason="there is no local model on this machine")
def test_the_plain_standard_tests_pass_before_the_real_local_model(tmp_path: Path) -> None:
    judge("langchain")
    with up(tmp_path) as (said, _):
        env = {
            "TOLLWAY_URL": said["url"],
            "TOLLWAY_KEY": said["api_key"],
            "JUDGED_MODEL": MODEL,
            "JUDGED_OTHER_MODEL": MODEL,
        }
        done = judgement(tmp_path, upstream="local", chosen=PLAIN, env=env)
        assert done.returncode == 0, done.stdout[-20000:] + done.stderr[-2000:]
        assert counts(tmp_path)[0] >= 20
        assert command(tmp_path, "ledger", "check")["clean"] is True
