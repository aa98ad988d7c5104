"""The style of the package, as tests: what a reviewer would otherwise have to say again and again."""

import ast
import re

import pytest

from tests.tidy.tree import Module, modules

MODULE_LINES_MAX = 450
FUNCTION_LINES_MAX = 80

LONG_MODULES: frozenset[str] = frozenset()
"""Modules that may be longer. This list only ever shrinks."""

LONG_FUNCTIONS: frozenset[str] = frozenset()
"""Functions, as module:name, that may be longer. This list only ever shrinks."""

EMPTY_WORDS = {"util", "utils", "helper", "helpers", "common", "misc", "manager", "handler", "handlers", "stuff"}
"""Words that say nothing of what a module or class is for."""

MIGRATIONS = "tollway.store.migrations.versions."
"""A migration is one list of tables and columns, and is never edited."""

CATCH_ALLS = {
    "tollway.http.asgi": 1,  # the edge of the two APIs
    "tollway.http.data_plane": 2,  # the edge, and the step before it that keeps a problem for the edge
    "tollway.jobs.sweeps": 1,  # the job loop: one bad round does not end all later ones
    "tollway.store.group_commit": 1,  # the writer: whoever waits for a charge is told, and the thread lives on
}
"""Where everything may be caught, how often, and why. This list only ever shrinks."""

each_module = pytest.mark.parametrize("module", modules(), ids=lambda module: module.name)


def words(name: str) -> set[str]:
    """Return the words of a snake_case or CamelCase name."""
    return {word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z0-9]+", name)}


@each_module
def test_a_module_opens_with_a_sentence(module: Module) -> None:
    said = ast.get_docstring(module.tree)
    assert said, f"{module.path} does not say what it is for"
    first = said.split("\n\n")[0]
    assert first.rstrip().endswith((".", ":")), f"{module.path}: the first paragraph is not made of sentences"
    assert len(first.splitlines()[0]) > 20, f"{module.path}: {first!r} says too little"


@each_module
def test_a_module_can_be_read_in_one_sitting(module: Module) -> None:
    lines = module.text.count("\n")
    assert lines <= MODULE_LINES_MAX or module.name in LONG_MODULES, f"{module.path} has {lines} lines"


@each_module
def test_a_function_can_be_seen_whole(module: Module) -> None:
    long = {
        f"{module.name}:{function.name}": length
        for function in module.functions
        if (length := (function.end_lineno or 0) - function.lineno + 1) > FUNCTION_LINES_MAX
    }
    assert long.keys() <= LONG_FUNCTIONS or module.name.startswith(MIGRATIONS), long


@each_module
def test_a_name_says_what_a_thing_is_for(module: Module) -> None:
    names = [module.path.stem, module.path.parent.name, *(each.name for each in module.classes)]
    empty = [name for name in names if words(name) & EMPTY_WORDS]
    assert not empty


@each_module
def test_errors_are_caught_only_where_something_can_be_done(module: Module) -> None:
    found = [
        handler
        for handler in ast.walk(module.tree)
        if isinstance(handler, ast.ExceptHandler)
        and catches_all(handler)
        and not isinstance(handler.body[-1], ast.Raise)
    ]
    allowed = CATCH_ALLS.get(module.name, 0)
    assert len(found) <= allowed, [f"{module.path}:{handler.lineno}" for handler in found]


def catches_all(handler: ast.ExceptHandler) -> bool:
    """Tell whether an except clause catches every error."""
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(
        kind is None or (isinstance(kind, ast.Name) and kind.id in {"Exception", "BaseException"}) for kind in kinds
    )


@each_module
def test_imports_are_at_the_top(module: Module) -> None:
    hidden = [
        node.lineno
        for function in module.functions
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    assert not hidden, f"{module.path} imports inside functions, in lines {hidden}"


def test_the_exceptions_are_still_needed() -> None:
    known = {module.name for module in modules()}
    assert known >= LONG_MODULES
    assert {name.partition(":")[0] for name in LONG_FUNCTIONS} <= known
    assert known >= CATCH_ALLS.keys()
