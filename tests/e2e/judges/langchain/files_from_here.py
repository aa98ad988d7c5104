"""Runs with LangChain's packages and nothing of Tollway's: files come from here, not from the network."""

import base64
import struct
from types import SimpleNamespace
from typing import Any

import pytest
from langchain_tests.integration_tests import chat_models  # pyright: ignore[reportMissingImports]

PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="
)
SILENCE = b"RIFF" + struct.pack("<I", 36 + 16) + b"WAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 1, 8000, 8000, 1, 8)
SILENCE += b"data" + struct.pack("<I", 16) + bytes(16)
FILES = {"png": PIXEL, "pdf": b"%PDF-1.4\n%%EOF\n", "wav": SILENCE}


def _get(url: str, **_: Any) -> SimpleNamespace:
    return SimpleNamespace(content=FILES[url.rpartition(".")[2]])


@pytest.fixture(autouse=True)
def files_from_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chat_models, "httpx", SimpleNamespace(get=_get))
