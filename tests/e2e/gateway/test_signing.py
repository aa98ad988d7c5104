"""Providers that want a signature or a token: what reaches them, what is shown, and what a bad key does."""

import json
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.e2e.gateway.deployment import PRICE, Deployment
from tests.e2e.gateway.provider import Line, Provider, Script, Seen

SECRET = "canary-secret-0123456789"


class CloudProvider(Provider):
    """A provider that hands out tokens as well."""

    def script_for(self, seen: Seen) -> Script:
        return hand_out_token if seen.path == "/token" else super().script_for(seen)


async def hand_out_token(_: Seen, line: Line) -> None:
    """Answer as the token endpoint does."""
    await line.whole(b'{"access_token": "token-1", "expires_in": 3599, "token_type": "Bearer"}')


@pytest.fixture(scope="module")
def cloud() -> Iterator[CloudProvider]:
    provider = CloudProvider()
    provider.start()
    yield provider
    provider.stop()


def write_account(folder: Path, port: int, private_key: str | None = None) -> None:
    """Write the JSON file of a service account whose tokens come from the scripted provider."""
    key = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    account = {
        "type": "service_account",
        "client_email": "robot@project.iam.gserviceaccount.com",
        "private_key": pem if private_key is None else private_key,
        "token_uri": f"http://127.0.0.1:{port}/token",
    }
    (folder / "account.json").write_text(json.dumps(account))


def settings(port: int) -> str:
    """Return settings with a provider of each kind, both in a dialect that the scripted provider speaks."""
    here = f'dialects = ["openai_chat"]\nbase_urls = {{ openai_chat = "http://127.0.0.1:{port}/v1" }}\n'
    models = "".join(
        f'[[models]]\nid = "{name}"\ntargets = [{{ provider = "{name}", model = "{name}-1" }}]\nprice = {PRICE}\n'
        "output_tokens_max = 1000\ncontext_tokens = 10000\n"
        for name in ("token", "signature")
    )
    return (
        "[server]\nport = 0\n"
        f'[[providers]]\nname = "token"\npreset = "vertex"\nparameters = {{ project = "mine" }}\n{here}'
        'credentials_file = "account.json"\n'
        f'[[providers]]\nname = "signature"\npreset = "bedrock"\nparameters = {{ region = "eu-west-1" }}\n{here}'
        'access_key_id = "env:TEST_KEY_ID"\nsecret_access_key = "env:TEST_SECRET"\n' + models
    )


@pytest.fixture
def tollway(tmp_path: Path, cloud: CloudProvider, monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployment]:
    monkeypatch.setenv("TEST_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("TEST_SECRET", SECRET)
    write_account(tmp_path, cloud.port)
    cloud.seen.clear()
    deployment = Deployment(tmp_path, settings(cloud.port)).start()
    yield deployment
    deployment.stop()


def ask(tollway: Deployment, model: str) -> int:
    """Ask for a chat; return the status."""
    client = tollway.client(tollway.key(tollway.account()))
    body = {"model": model, "messages": [{"role": "user", "content": "Hi"}]}
    return client.post("/v1/chat/completions", json=body).status_code


def test_one_token_lets_many_requests_in(tollway: Deployment, cloud: CloudProvider) -> None:
    assert [ask(tollway, "token"), ask(tollway, "token")] == [200, 200]
    assert [seen.path for seen in cloud.seen] == ["/token", "/v1/chat/completions", "/v1/chat/completions"]
    assert {seen.headers["authorization"] for seen in cloud.seen[1:]} == {"Bearer token-1"}
    assert cloud.seen[0].headers["content-type"] == "application/x-www-form-urlencoded"


def test_each_request_to_amazon_is_signed_with_its_body(tollway: Deployment, cloud: CloudProvider) -> None:
    assert ask(tollway, "signature") == 200
    (seen,) = cloud.seen
    day = seen.headers["x-amz-date"][:8]
    credential = f"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/{day}/eu-west-1/bedrock/aws4_request, "
    assert seen.headers["authorization"].startswith(credential)
    assert seen.headers["x-amz-content-sha256"] == sha256(seen.raw).hexdigest()


def test_a_secret_that_a_provider_repeats_reaches_nobody(tollway: Deployment, cloud: CloudProvider) -> None:
    async def repeat(_: Seen, line: Line) -> None:
        await line.whole(json.dumps({"error": {"message": f"no {SECRET} here"}}).encode(), status="400 Bad")

    cloud.scripts["signature-1"] = repeat
    try:
        client = tollway.client(tollway.key(tollway.account()))
        body = {"model": "signature", "messages": [{"role": "user", "content": "Hi"}]}
        said = client.post("/v1/chat/completions", json=body)
    finally:
        del cloud.scripts["signature-1"]
    assert said.status_code == 400
    assert "no [secret] here" in said.text
    assert SECRET not in said.text + tollway.log.read_text()


def test_providers_check_proves_a_service_account_by_a_token(tollway: Deployment) -> None:
    token, signature = json.loads(tollway.run("providers", "check", "--json").stdout)
    assert (token["health"], token["text"]) == ("good", "its service account gets access tokens")
    assert signature["health"] == "note"


def test_a_key_that_cannot_sign_is_told_at_the_start(
    tmp_path: Path, cloud: CloudProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("TEST_SECRET", SECRET)
    write_account(tmp_path, cloud.port, private_key="canary-of-a-key")
    done = Deployment(tmp_path, settings(cloud.port)).run("serve")
    assert done.returncode == 1
    assert "is not an RSA key in PEM" in done.stderr
    assert "canary" not in done.stdout + done.stderr


CLAUDE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-sonnet-5",
    "content": [{"type": "text", "text": "Hello"}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 1000, "output_tokens": 100},
}
GEMINI = {
    "candidates": [{"content": {"role": "model", "parts": [{"text": "Hello"}]}, "finishReason": "STOP", "index": 0}],
    "usageMetadata": {"promptTokenCount": 1000, "candidatesTokenCount": 100, "totalTokenCount": 1100},
    "modelVersion": "gemini-3-pro",
    "responseId": "r1",
}


@pytest.fixture
def vertex(tmp_path: Path, cloud: CloudProvider) -> Iterator[Deployment]:
    """A Tollway whose one provider has two makers' models, each in its maker's dialect."""
    write_account(tmp_path, cloud.port)
    cloud.seen.clear()

    async def answer(seen: Seen, line: Line) -> None:
        await line.whole(json.dumps(CLAUDE if "/anthropic/" in seen.path else GEMINI).encode())

    cloud.scripts[""] = answer
    text = (
        '[server]\nport = 0\n[[providers]]\nname = "v"\npreset = "vertex"\nparameters = { project = "mine" }\n'
        f'base_url = "http://127.0.0.1:{cloud.port}/v1/publishers"\ncredentials_file = "account.json"\n'
        f'[[models]]\nid = "v/*"\ntargets = [{{ provider = "v", model = "*" }}]\nprice = {PRICE}\n'
        "output_tokens_max = 1000\ncontext_tokens = 10000\n"
    )
    deployment = Deployment(tmp_path, text).start()
    yield deployment
    deployment.stop()
    del cloud.scripts[""]


@pytest.mark.parametrize(
    ("model", "path"),
    [
        ("claude-sonnet-5", "/v1/publishers/anthropic/models/claude-sonnet-5:rawPredict"),
        ("gemini-3-pro", "/v1/publishers/google/models/gemini-3-pro:generateContent"),
    ],
)
@pytest.mark.parametrize("route", ["/v1/messages", "/v1/chat/completions"])
def test_a_model_is_asked_in_its_makers_dialect_whatever_the_client_speaks(
    vertex: Deployment, cloud: CloudProvider, route: str, model: str, path: str
) -> None:
    client = vertex.client(vertex.key(vertex.account()))
    body = {"model": f"v/{model}", "max_tokens": 50, "messages": [{"role": "user", "content": "Hi"}], "top_p": 0.5}
    said = client.post(route, json=body)
    assert said.status_code == 200, said.text
    assert "Hello" in said.text
    _, seen = cloud.seen
    assert seen.path == path
    assert "model" not in seen.body
    if model.startswith("claude"):
        assert seen.body["anthropic_version"] == "vertex-2023-10-16"
        assert "top_p" not in seen.body
        assert "top_p" in said.headers["x-tollway-warning"]
