"""One gateway in front of the scripted provider: a provider of each dialect, each with a wildcard and a price."""

from pathlib import Path

from tests.e2e.gateway.deployment import Deployment

CANARY = "sk-canary-9876543210abcdef"
"""The key that providers are asked with."""

PRICE = '{ input = "1", cached_input = "0.5", output = "2", reasoning = "3" }'

PROVIDERS: dict[str, str] = {
    "chat": 'preset = "openai-compatible"\nbase_url = "{server}/v1"',
    "completions": 'preset = "openai-compatible"\nbase_url = "{server}/v1"\ndialects = ["openai_completions"]',
    "responses": 'preset = "openai-compatible"\nbase_url = "{server}/v1"\ndialects = ["openai_responses"]',
    "messages": 'preset = "anthropic-compatible"\nbase_url = "{server}"',
    "gemini": 'preset = "gemini"\nbase_url = "{server}"',
    "ollama": 'preset = "ollama"\nbase_url = "{server}"\ndialects = ["ollama_chat", "ollama_embed"]',
    "generate": 'preset = "ollama"\nbase_url = "{server}"\ndialects = ["ollama_generate"]',
    "converse": 'preset = "bedrock"\nbase_url = "{server}"\nparameters = {{ region = "us-east-1" }}',
    "cohere": 'preset = "cohere"\nbase_url = "{server}"',
    "mistral": 'preset = "mistral"\nbase_url = "{server}/v1"',
    "claude": 'preset = "anthropic"\nbase_url = "{server}"',
}
"""By name: what their table says beside the key."""

DIALECTS = {
    "chat": "openai_chat",
    "completions": "openai_completions",
    "responses": "openai_responses",
    "messages": "anthropic_messages",
    "gemini": "gemini",
    "ollama": "ollama_chat",
    "generate": "ollama_generate",
    "converse": "bedrock_converse",
    "cohere": "cohere_chat",
    "mistral": "openai_chat",
}
"""The dialect of chat that each speaks."""

KEYS = {"converse": 'access_key_id = "env:E2E_PROVIDER_KEY"\nsecret_access_key = "env:E2E_PROVIDER_KEY"'}
ANY_KEY = 'api_key = "env:E2E_PROVIDER_KEY"'


def provider_table(name: str, table: str, port: int) -> str:
    """Return one provider's tables: itself, and the wildcard of its models."""
    said = table.format(server=f"http://127.0.0.1:{port}/{name}")
    wildcard = f"""
[[models]]
id = "{name}/*"
targets = [{{ provider = "{name}", model = "*" }}]
price = {PRICE}
output_tokens_max = 8000
context_tokens = 100000
"""
    return f'\n[[providers]]\nname = "{name}"\n{said}\n{KEYS.get(name, ANY_KEY)}\n{wildcard}'


def settings(port: int, *, more: str = "", server: str = "") -> str:
    """Return the settings file; `more` are further tables."""
    tables = "".join(provider_table(name, table, port) for name, table in PROVIDERS.items())
    return f"[server]\nport = 0\n{server}\n{tables}\n{more}"


def deploy(folder: Path, port: int, *, more: str = "", server: str = "") -> Deployment:
    """Start one."""
    return Deployment(folder, settings(port, more=more, server=server)).start({"E2E_PROVIDER_KEY": CANARY})
