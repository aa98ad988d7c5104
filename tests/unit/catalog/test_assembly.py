"""A provider made of its preset and of what the operator said: addresses, keys, signatures, and mistakes."""

from pathlib import Path

import msgspec
import pytest

from tollway.catalog.loader import read_deployment
from tollway.catalog.presets import read_preset
from tollway.catalog.records import AfterLeave, Provider
from tollway.catalog.signing import AwsKeys, GoogleServiceAccount
from tollway.errors import SetupError
from tollway.settings import SecretUse

LINE = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC"
KIND = "PRIVATE KEY"
"""Apart from its frame, so that no file of ours looks as if it held a key."""

PRIVATE_KEY = f"-----BEGIN {KIND}-----\n{LINE}\nabc=\n-----END {KIND}-----\n"


@pytest.fixture(autouse=True)
def secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEY", "canary-key")
    monkeypatch.setenv("SECRET", "canary-secret")
    monkeypatch.setenv("TOKEN", "canary-token")
    account = {"client_email": "me@p.iam.gserviceaccount.com", "private_key": PRIVATE_KEY, "type": "service_account"}
    (tmp_path / "account.json").write_bytes(msgspec.json.encode(account))
    (tmp_path / "junk.json").write_text("{}")


def read(folder: Path, text: str, *, use: SecretUse = SecretUse.RESOLVE) -> Provider:
    """Return the provider that these lines of a settings file describe."""
    path = folder / "tollway.toml"
    path.write_text(f'[[providers]]\nname = "p"\n{text}\n')
    return read_deployment(path, secrets=use).catalog.providers["p"]


def mistakes(folder: Path, text: str) -> list[str]:
    """Return what is said of these lines, without the place that they all share."""
    with pytest.raises(SetupError) as caught:
        read(folder, text)
    assert "canary" not in str(caught.value)
    return [said.partition('(name "p"): ')[2] for said in caught.value.mistakes]


def where(provider: Provider) -> dict[str, str]:
    """Return where each dialect is spoken, with the paths that are not the dialect's own."""
    return {
        spoken.dialect: f"{spoken.origin.scheme}://{spoken.origin.host}:{spoken.origin.port}{spoken.path_prefix}"
        + (spoken.path or "")
        for spoken in provider.speaks
    }


@pytest.mark.parametrize(
    ("preset", "key", "dialect", "address"),
    [
        ("openai", 'api_key = "env:KEY"', "openai_chat", "https://api.openai.com:443/v1"),
        ("anthropic", 'api_key = "env:KEY"', "anthropic_messages", "https://api.anthropic.com:443/v1/messages"),
        (
            "gemini",
            'api_key = "env:KEY"',
            "gemini",
            "https://generativelanguage.googleapis.com:443/v1beta/models/{model}:generateContent",
        ),
        ("deepseek", 'api_key = "env:KEY"', "openai_chat", "https://api.deepseek.com:443"),
        ("deepseek", 'api_key = "env:KEY"', "anthropic_messages", "https://api.deepseek.com:443/anthropic"),
        ("moonshot", 'api_key = "env:KEY"', "openai_chat", "https://api.moonshot.ai:443/v1"),
        ("zai", 'api_key = "env:KEY"', "openai_chat", "https://api.z.ai:443/api/paas/v4"),
        ("qwen", 'api_key = "env:KEY"', "openai_chat", "https://dashscope-intl.aliyuncs.com:443/compatible-mode/v1"),
        ("fireworks", 'api_key = "env:KEY"', "anthropic_messages", "https://api.fireworks.ai:443/inference"),
        ("openrouter", 'api_key = "env:KEY"', "openai_chat", "https://openrouter.ai:443/api/v1"),
        ("cohere", 'api_key = "env:KEY"', "rerank", "https://api.cohere.com:443/v2"),
        ("ollama", "", "ollama_chat", "http://127.0.0.1:11434"),
        ("ollama", "", "openai_chat", "http://127.0.0.1:11434/v1"),
        ("vllm", "", "anthropic_messages", "http://127.0.0.1:8000"),
        (
            "azure-openai-deployments",
            'api_key = "env:KEY"\nparameters = { resource = "mine" }',
            "openai_chat",
            "https://mine.openai.azure.com:443/openai/deployments/{model}/chat/completions?api-version=2024-10-21",
        ),
        (
            "azure-openai",
            'api_key = "env:KEY"\nparameters = { resource = "mine" }',
            "openai_responses",
            "https://mine.openai.azure.com:443/openai/v1",
        ),
        (
            "bedrock",
            'api_key = "env:KEY"\nparameters = { region = "eu-west-1" }',
            "bedrock_converse",
            "https://bedrock-runtime.eu-west-1.amazonaws.com:443",
        ),
        (
            "vertex",
            'credentials_file = "account.json"\nparameters = { project = "mine" }',
            "gemini",
            (
                "https://aiplatform.googleapis.com:443/v1/projects/mine/locations/global/publishers/google/models/{model}"
                ":generateContent"
            ),
        ),
    ],
)
def test_each_dialect_is_spoken_at_its_address(
    tmp_path: Path, preset: str, key: str, dialect: str, address: str
) -> None:
    assert where(read(tmp_path, f'preset = "{preset}"\n{key}'))[dialect] == address


@pytest.mark.parametrize(
    ("preset", "header"),
    [
        ("openai", ("authorization", "Bearer canary-key")),
        ("anthropic", ("x-api-key", "canary-key")),
        ("gemini", ("x-goog-api-key", "canary-key")),
    ],
)
def test_a_key_goes_where_its_provider_looks_for_it(tmp_path: Path, preset: str, header: tuple[str, str]) -> None:
    provider = read(tmp_path, f'preset = "{preset}"\napi_key = "env:KEY"')
    assert (provider.headers, provider.secrets, provider.signing) == ((header,), ("canary-key",), None)


def test_amazons_keys_sign_in_the_region_and_are_never_shown(tmp_path: Path) -> None:
    provider = read(
        tmp_path,
        'preset = "bedrock"\naccess_key_id = "env:KEY"\nsecret_access_key = "env:SECRET"\nsession_token = "env:TOKEN"\n'
        'parameters = { region = "us-east-1" }',
    )
    assert provider.headers == ()
    assert provider.secrets == ("canary-key", "canary-secret", "canary-token")
    assert provider.signing == AwsKeys(
        access_key_id="canary-key",
        secret_access_key="canary-secret",
        session_token="canary-token",
        region="us-east-1",
        service="bedrock",
    )


def test_a_service_account_signs_and_no_line_of_its_key_is_shown(tmp_path: Path) -> None:
    provider = read(
        tmp_path, 'preset = "vertex"\ncredentials_file = "file:account.json"\nparameters = { project = "mine" }'
    )
    assert provider.signing == GoogleServiceAccount(
        client_email="me@p.iam.gserviceaccount.com",
        private_key=PRIVATE_KEY,
        token_uri="https://oauth2.googleapis.com/token",
        scope="https://www.googleapis.com/auth/cloud-platform",
    )
    assert provider.secrets == (PRIVATE_KEY, LINE)


def test_secrets_that_were_left_unread_are_no_empty_words_to_strike(tmp_path: Path) -> None:
    for text in (
        'preset = "openai"\napi_key = "env:NOT_SET"',
        'preset = "vertex"\ncredentials_file = "nowhere.json"\nparameters = { project = "mine" }',
        'preset = "bedrock"\naccess_key_id = "env:A"\nsecret_access_key = "env:B"\nparameters = { region = "r" }',
    ):
        assert read(tmp_path, text, use=SecretUse.LEAVE).secrets == ()


def test_claude_at_vertex_is_asked_without_a_model_in_the_body_and_gemini_is_not_asked_there(tmp_path: Path) -> None:
    provider = read(tmp_path, 'preset = "vertex"\ncredentials_file = "account.json"\nparameters = { project = "p" }')
    claude = provider.speaking("anthropic_messages", "claude-sonnet-5")
    assert claude is not None
    assert (claude.path, claude.streamed_path) == (
        "/anthropic/models/{model}:rawPredict",
        "/anthropic/models/{model}:streamRawPredict",
    )
    profile = claude.profile_of("claude-sonnet-5")
    assert (profile.removed, profile.added) == ({"model"}, {"anthropic_version": "vertex-2023-10-16"})
    assert provider.speaking("anthropic_messages", "gemini-3-pro") is None
    assert provider.speaking("gemini", "claude-sonnet-5") is None


@pytest.mark.parametrize(
    "said", ["http://10.0.0.7:9000", "http://10.0.0.7:9000/", "http://10.0.0.7:9000/v1", "http://10.0.0.7:9000/v1/"]
)
def test_an_address_may_be_given_with_or_without_what_is_put_behind_it(tmp_path: Path, said: str) -> None:
    found = where(read(tmp_path, f'preset = "ollama"\nbase_url = "{said}"'))
    assert found["ollama_chat"] == "http://10.0.0.7:9000"
    assert found["openai_chat"] == "http://10.0.0.7:9000/v1"


def test_an_address_of_ones_own_moves_all_but_what_is_spoken_elsewhere(tmp_path: Path) -> None:
    text = 'preset = "two"\nbase_url = "http://mine/v1"\napi_key = "env:KEY"'
    found = where(read_with_preset(tmp_path, text))
    assert found == {"openai_chat": "http://mine:80/v1"}
    found = where(read_with_preset(tmp_path, text + '\nbase_urls = { rerank = "https://there/x" }'))
    assert found == {"openai_chat": "http://mine:80/v1", "rerank": "https://there:443/x"}
    found = where(read_with_preset(tmp_path, 'preset = "two"\napi_key = "env:KEY"'))
    assert found == {"openai_chat": "https://here:443/v1", "rerank": "https://elsewhere:443"}


def read_with_preset(folder: Path, text: str) -> Provider:
    """Return the provider of a preset that is made here, for what no real one has."""
    with pytest.MonkeyPatch.context() as patch:
        (folder / "two.toml").write_text(
            'title = "Two"\ndocumentation = "https://x"\nbase_url = "https://here/v1"\nheaders = { x-client = "t" }\n'
            '[dialects.openai_chat]\n[dialects.rerank]\nbase_url = "https://elsewhere"\n'
        )
        patch.setattr("tollway.catalog.loader.read_preset", lambda name: read_preset(name, folder))
        return read(folder, text)


def test_what_a_preset_sends_always_goes_beside_the_key(tmp_path: Path) -> None:
    provider = read_with_preset(tmp_path, 'preset = "two"\napi_key = "env:KEY"')
    assert provider.headers == (("authorization", "Bearer canary-key"), ("x-client", "t"))


def test_a_dialect_that_only_the_operator_knows_of_comes_last(tmp_path: Path) -> None:
    provider = read(
        tmp_path,
        'preset = "openai-compatible"\nbase_url = "http://x/v1"\nbase_urls = { anthropic_messages = "http://x/claude" }',
    )
    assert provider.speaks[-1].dialect == "anthropic_messages"
    assert where(provider)["anthropic_messages"] == "http://x:80/claude"


def test_an_operator_may_choose_among_dialects_and_order_them(tmp_path: Path) -> None:
    provider = read(tmp_path, 'preset = "ollama"\ndialects = ["openai_chat", "ollama_chat"]')
    assert [spoken.dialect for spoken in provider.speaks] == ["openai_chat", "ollama_chat"]
    provider = read(tmp_path, 'preset = "openai-compatible"\nbase_url = "http://x/v1"\ndialects = ["openai_responses"]')
    assert where(provider) == {"openai_responses": "http://x:80/v1"}


def test_what_happens_after_a_client_has_left_is_the_operators_last_word(tmp_path: Path) -> None:
    provider = read(tmp_path, 'preset = "openai"\napi_key = "env:KEY"\nafter_leave = "drain"')
    for spoken in provider.speaks:
        assert {spoken.profile.after_leave, *(rule.profile.after_leave for rule in spoken.rules)} == {AfterLeave.DRAIN}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            'preset = "bedrock"\napi_key = "env:KEY"',
            (
                "parameters: region: is missing: the AWS region, such as us-east-1; the address "
                "https://bedrock-runtime.{region}.amazonaws.com has a place for it"
            ),
        ),
        (
            'preset = "bedrock"\nparameters = { region = "r" }',
            "access_key_id: is missing: Amazon Bedrock wants it with secret_access_key, or an api_key",
        ),
        (
            'preset = "bedrock"\nparameters = { region = "r" }\naccess_key_id = "env:KEY"',
            "secret_access_key: is missing beside access_key_id",
        ),
        (
            'preset = "bedrock"\nparameters = { region = "r" }\nsecret_access_key = "env:KEY"',
            "access_key_id: is missing beside secret_access_key",
        ),
        (
            'preset = "bedrock"\nbase_url = "http://x"\naccess_key_id = "env:KEY"\nsecret_access_key = "env:SECRET"',
            "parameters: region: is missing: the AWS region, such as us-east-1; its signature has a place for it",
        ),
        (
            'preset = "azure-openai"\napi_key = "env:KEY"\nparameters = { resorce = "x", resource = "y" }',
            "parameters: resorce: is no parameter of Azure OpenAI (v1); did you mean resource?",
        ),
        (
            'preset = "openai"\napi_key = "env:KEY"\nparameters = { region = "x" }',
            "parameters: region: is no parameter of OpenAI, which has none",
        ),
        (
            'preset = "azure-openai"\napi_key = "env:KEY"\nparameters = { resource = "evil.com/" }',
            "parameters: resource: must be letters, digits, dots, dashes, underscores",
        ),
        (
            'preset = "azure-openai"\napi_key = "env:KEY"\nparameters = { resource = 7 }',
            "parameters: resource must be text that is not empty, not 7",
        ),
        ('preset = "ollama"\nparameters = "x"', "parameters: must be a table such as"),
        (
            'preset = "vertex"\nparameters = { project = "p" }',
            "credentials_file: is missing: Google Vertex AI wants the JSON file of a service account",
        ),
        (
            'preset = "vertex"\nparameters = { project = "p" }\ncredentials_file = "junk.json"',
            "credentials_file: is not the JSON file of a service account",
        ),
        (
            'preset = "vertex"\nparameters = { project = "p" }\ncredentials_file = "none.json"',
            "credentials_file: cannot read ",
        ),
        (
            'preset = "vertex"\nparameters = { project = "p" }\ncredentials_file = \'{"private_key": "canary"}\'',
            "credentials_file: a secret does not stand in this file",
        ),
        (
            'preset = "vertex"\nparameters = { project = "p" }\ncredentials_file = 7',
            "credentials_file: must be the path of a file",
        ),
        (
            'preset = "vertex"\nparameters = { project = "p" }\ncredentials_file = "env:not a name"',
            "credentials_file: what follows env: is not the name of an environment variable",
        ),
        (
            'preset = "openai"\napi_key = "env:KEY"\nsecret_access_key = "env:SECRET"',
            "secret_access_key: is nothing that OpenAI takes; it takes api_key",
        ),
        ('preset = "openai"', "api_key: is missing: OpenAI wants one"),
        ('preset = "local"\napi_key = "env:KEY"', "api_key: is nothing that The local model takes; it takes no key"),
        (
            'preset = "ollama"\nbase_urls = { opnai_chat = "http://x" }',
            "base_urls: opnai_chat: is no dialect; did you mean openai_chat?",
        ),
        ('preset = "ollama"\nbase_urls = { rerank = "ftp://x" }', "base_urls: rerank: must start with https://"),
        ('preset = "ollama"\ndialects = ["zzz"]', 'dialects: "zzz" is no dialect; there are: openai_chat, '),
        ('preset = "anthropic-compatible"', "base_url: is missing: the preset has none of its own for any dialect"),
        ('preset = "ollama"\nbase_url = "ftp://x"', "base_url: must start with https:// or http://"),
    ],
)
def test_a_mistake_says_what_is_wrong_and_why(tmp_path: Path, text: str, said: str) -> None:
    assert mistakes(tmp_path, text)[0].startswith(said)


def test_a_parameter_that_is_missing_is_said_once_though_many_dialects_need_it(tmp_path: Path) -> None:
    found = mistakes(tmp_path, 'preset = "azure-openai"')
    assert [line.partition(": is missing")[0] for line in found] == ["parameters: resource", "api_key"]
