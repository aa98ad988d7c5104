"""A provider is a file, never an `if`: no provider's name stands in the program, as a name or as a text.

Docstrings and comments may name them: they say why something is as it is.
"""

import ast
import re
from collections.abc import Iterator

import pytest

from tests.tidy.tree import Module, modules
from tollway.access.routes import ROUTE_WORDS
from tollway.catalog.presets import DIALECT_NAMES, LOCAL_PRESET, preset_names

SHORT_NAMES = {
    "alibaba",
    "azure",
    "claude",
    "dashscope",
    "glm",
    "grok",
    "kimi",
    "llamacpp",
    "microsoft",
    "moonshotai",
    "zai",
    "zhipuai",
}
"""What else people call them, and their models."""

SPOKEN = {"openai", "anthropic", "gemini", "ollama", "cohere", "bedrock"}
"""Makers of dialects: the dialects are called after them, and texts say what a dialect has no place for."""

PLAIN_WORDS = {"together", "compatible", "deployments", "local", "cpp", "llama", "mantle"}
"""Parts of presets' names that are words of the language, or of a library that Tollway itself runs."""

WIRE_WORDS = {
    "x_groq": "the member of a chunk in which one provider reports usage and errors, whoever sends it",
    "_Groq": "the record of that member",
}
"""Words of the wire format, with what they are. Nothing follows from who sends them."""


def provider_words() -> set[str]:
    """Return the words that no name and no text may have in it."""
    parts = {part for name in preset_names() for part in re.split(r"[-_]", name)}
    return (parts | SHORT_NAMES) - SPOKEN - PLAIN_WORDS


def words(text: str) -> set[str]:
    """Return the words of a text or of a name of any style, in lower case."""
    return {word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z0-9]+", text)}


def texts(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield each text constant that is no docstring, with its line."""
    said = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and id(node) not in said:
            if isinstance(node.value, str):
                yield node.lineno, node.value
            elif isinstance(node.value, bytes):
                yield node.lineno, node.value.decode("latin-1")


def names(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield each name that the module gives or uses, with its line."""
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name):
                yield node.lineno, name
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield node.lineno, name
            case ast.keyword(arg=str(name)) | ast.alias(name=name):
                yield node.lineno, name
            case ast.ImportFrom(module=str(name)):
                yield node.lineno, name
            case _:
                pass


each_module = pytest.mark.parametrize("module", modules(), ids=lambda module: module.name)


@each_module
def test_no_name_and_no_text_names_a_provider(module: Module) -> None:
    forbidden = provider_words()
    found = [
        f"{module.path.name}:{line}: {text[:80]!r}"
        for line, text in (*names(module.tree), *texts(module.tree))
        if words(text) & forbidden and text not in WIRE_WORDS
    ]
    assert found == []


@each_module
def test_no_text_is_the_name_of_a_preset(module: Module) -> None:
    """The makers of dialects too: a text that is just their name would be there to be compared with."""
    presets = {*preset_names()} - {*DIALECT_NAMES} - {*ROUTE_WORDS} - {LOCAL_PRESET}
    assert [f"{module.path.name}:{line}: {text!r}" for line, text in texts(module.tree) if text in presets] == []


def test_the_exemptions_are_still_needed() -> None:
    used = {text for module in modules() for _, text in (*names(module.tree), *texts(module.tree))}
    assert used >= WIRE_WORDS.keys()
    assert {*preset_names()} >= SPOKEN


def test_a_name_in_any_style_is_seen() -> None:
    tree = ast.parse(
        'class GroqReader: ...\ndef is_mistral(*, use_xai): "Groq."\nx = provider.DEEPSEEK\nimport vllm.a\ny = b"cerebras!"\n'
    )
    seen = {text for _, text in (*names(tree), *texts(tree)) if words(text) & provider_words()}
    assert seen == {"GroqReader", "is_mistral", "use_xai", "DEEPSEEK", "vllm.a", "cerebras!"}
