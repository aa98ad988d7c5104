"""schemathesis, which asks an API whatever its description allows and forbids: one judge from outside."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.judges.conftest import Judged, judge, run
from tests.e2e.judges.openai_description import description

HERE = Path(__file__).parent
AIGATEWAY = Path(__file__).parents[4] / "shared" / "references" / "aigateway-openapi.json"
SERVED = {
    "/v1/chat/completions",
    "/v1/messages",
    "/v1/messages/count_tokens",
    "/v1/embeddings",
    "/v1/images/generations",
    "/v1/audio/speech",
    "/v1/moderations",
    "/v1/models",
    "/v1/models/{id}",
    "/v1/rerank",
}
ALWAYS = "not_a_server_error,status_code_conformance"
OWN_CHECK = "an_error_is_an_object_with_a_request_id"
SEED = "20260101"


def ask_everything(folder: Path, *, location: str, url: str, key: str, checks: str, phases: str, examples: int) -> None:
    """Run schemathesis on a description; fail with what it found."""
    done = run(
        *("-m", "schemathesis.cli", "run", location, "--url", url, "-H", f"Authorization: Bearer {key}"),
        # One worker: Python 3.11 cannot parse its own source, which Hypothesis has it do, in two threads at once.
        *("--checks", checks, "--max-examples", str(examples), "--seed", SEED, "--workers", "1"),
        *("--phases", phases, "--continue-on-failure", "--no-shrink", "--no-color"),
        *("--request-timeout", "20", "--suppress-health-check", "all", "--generation-database", "none"),
        *("--warnings", "off"),
        path=judge("schemathesis"),
        cwd=folder,
        env={"SCHEMATHESIS_HOOKS": "schemathesis_checks", "PYTHONPATH": f"{judge('schemathesis')}:{HERE}"},
        wait_s=110,
    )
    assert done.returncode == 0, done.stdout[-15000:] + done.stderr[-3000:]
    assert "No issues found" in done.stdout or "passed" in done.stdout, done.stdout[-3000:]


def described(folder: Path, document: dict[str, Any]) -> str:
    """Write a description; return where it is."""
    path = folder / "openapi.json"
    path.write_text(json.dumps(document))
    return str(path)


def test_our_own_admin_api_does_what_its_description_says(judged: Judged, tmp_path: Path) -> None:
    key = judged.tollway.command("admin-key", "create", "--name", "judge")["key"]
    client = judged.tollway.client(key)
    document = client.get("/admin/v1/openapi.json").json()
    ask_everything(
        tmp_path,
        location=described(tmp_path, document),
        url=judged.tollway.url,
        key=key,
        checks=f"{ALWAYS},content_type_conformance,response_schema_conformance",
        phases="examples,coverage,fuzzing",
        examples=10,
    )
    judged.tollway.check()


@pytest.mark.parametrize("model", ["capable", "capable-messages"])
def test_what_openai_describes_is_answered_or_refused_clearly(judged: Judged, tmp_path: Path, model: str) -> None:
    ask_everything(
        tmp_path,
        location=described(tmp_path, description(model)),
        url=judged.tollway.url,
        key=judged.key,
        checks=OWN_CHECK,
        phases="examples,fuzzing",
        examples=12,
    )
    judged.tollway.check()


@pytest.mark.skipif(not AIGATEWAY.is_file(), reason="the published description is not beside this repository")
def test_what_aigateway_describes_is_answered_or_refused_clearly(judged: Judged, tmp_path: Path) -> None:
    document = json.loads(AIGATEWAY.read_text())
    document["paths"] = {path: item for path, item in document["paths"].items() if path in SERVED}
    ask_everything(
        tmp_path,
        location=described(tmp_path, document),
        url=judged.tollway.url,
        key=judged.key,
        checks=OWN_CHECK,
        phases="examples,coverage,fuzzing",
        examples=10,
    )
    judged.tollway.check()
