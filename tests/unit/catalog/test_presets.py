"""The presets: each file is complete, and every mistake in one is reported at once."""

from pathlib import Path

import pytest

from tollway.catalog.presets import (
    DIALECT_NAMES,
    PRESETS,
    AuthScheme,
    Need,
    preset_names,
    read_preset,
)
from tollway.catalog.price_library import PriceLibrary
from tollway.catalog.profiles import profile_with
from tollway.catalog.records import AfterLeave, Profile, StreamUsage
from tollway.catalog.templates import places
from tollway.dialects.known import DIALECTS
from tollway.errors import SetupError

each_preset = pytest.mark.parametrize("name", preset_names())

HEAD = 'title = "T"\ndocumentation = "https://x"\n'


def mistakes_in(folder: Path, text: str) -> list[str]:
    """Return what is said of a preset, without the name of its file."""
    (folder / "bad.toml").write_text(text)
    with pytest.raises(SetupError) as caught:
        read_preset("bad", folder)
    read_preset.cache_clear()
    return [said.partition("bad.toml: ")[2] for said in caught.value.mistakes]


@each_preset
def test_every_preset_is_complete(name: str) -> None:
    preset = read_preset(name)
    assert preset.title
    assert preset.dialects
    if preset.prices is not None:
        assert PriceLibrary(0).names(preset.prices)


def test_the_catalog_knows_the_names_of_the_dialects() -> None:
    assert DIALECTS.keys() <= {*DIALECT_NAMES}


@each_preset
def test_a_path_has_a_place_for_the_model_where_the_dialects_own_has_one(name: str) -> None:
    for dialect, table in read_preset(name).dialects.items():
        if table.path is not None and dialect in DIALECTS and "{model}" in DIALECTS[dialect].path:
            assert "{model}" in table.path


@each_preset
def test_every_path_of_a_preset_begins_with_a_slash(name: str) -> None:
    preset = read_preset(name)
    assert (preset.check or "/").startswith("/")


@each_preset
def test_what_is_not_obvious_stands_with_its_evidence(name: str) -> None:
    """A preset that says more of a dialect than that it is spoken, says where it has that from."""
    text = (PRESETS / f"{name}.toml").read_text()
    telling = ("unsupported", "renames", "after_leave", "stream_usage", "options", "added")
    lines = text.splitlines()
    for number, line in enumerate(lines):
        if line.partition(" =")[0] in telling:
            before = "\n".join(lines[max(0, number - 8) : number])
            assert "#" in before, f"{name}.toml: {line}"


def test_there_is_no_preset_of_an_unknown_name(tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        read_preset("none", tmp_path)


def test_a_preset_reports_its_mistakes_like_a_settings_file(tmp_path: Path) -> None:
    said = mistakes_in(
        tmp_path,
        'title = ""\nbase_url = "x"\ncolour = 1\nheaders = { "X y" = "z" }\ncheck = "models"\n'
        '[auth]\nscheme = "header"\nregion = "{region}"\n'
        '[parameters.region]\nabout = "Where"\ndefault = "a/b"\n'
        '[parameters.unused]\nabout = "Nothing"\n'
        '[dialects.opnai_chat]\nbase_url = "ftp://x"\nbelow = "/v1"\npath = "/chat/{resource}"\n'
        'streamed_path = "chat"\nstream_usage = "never"\n'
        '[[dialects.opnai_chat.models]]\nunsupported = "seed"\n',
    )
    assert len(said) == 18
    text = "\n".join(said)
    for sentence in (
        "preset: colour: is not a setting",
        "preset: documentation: is missing",
        'stream_usage: must be one of "asked", "always"',
        'auth: header: is missing: the scheme "header" wants one',
        'auth: region: means nothing to the scheme "header"',
        "headers: X y: must be the name of a header in lower case",
        "is no dialect; did you mean openai_chat?",
        "below: stands beside a base_url of its own",
        "streamed_path: must begin with /",
        "has a place for {resource}, and there is no [parameters.resource]",
        "parameters.unused: has no place in any address",
    ):
        assert sentence in text, sentence


def test_a_preset_without_a_dialect_or_with_a_strange_one_is_told(tmp_path: Path) -> None:
    assert mistakes_in(tmp_path, HEAD) == ["dialects: needs at least one table, such as [dialects.openai_chat]"]
    (said,) = mistakes_in(tmp_path, HEAD + "[dialects.xyzzy]\n")
    assert said.startswith("dialects.xyzzy: is no dialect; there are: openai_chat, ")
    (said,) = mistakes_in(tmp_path, HEAD + '[dialects.rerank]\n[auth]\nscheme = "header"\nheader = "X-Key"\n')
    assert said == "auth: header: must be the name of a header in lower case"


def test_templates_name_their_parameters_once_and_the_model_is_none() -> None:
    assert places("https://{a}.{b}.example/{a}/{model}") == ("a", "b")


def test_what_a_rule_says_is_put_on_top_of_what_its_dialect_says(tmp_path: Path) -> None:
    (tmp_path / "one.toml").write_text(
        HEAD
        + '[dialects.openai_chat]\nunsupported = ["seed"]\nrenames = { a = "b" }\noutput_limit = "n_predict"\n'
        + 'options = { reasoning = "effort", efforts = "low" }\nstream_usage = "always"\n'
        + '[[dialects.openai_chat.models]]\nmatch = ["o1*"]\nunsupported = ["top_p"]\nafter_leave = "drain"\n'
        + 'options = { reasoning = "none" }\nadded = { k = 1 }\nremoved = ["model"]\nstreaming = "never"\n'
    )
    table = read_preset("one", tmp_path).dialects["openai_chat"]
    below = profile_with(table, Profile(), after_leave=None)
    rule = profile_with(table.models[0], below, after_leave=None)
    assert (below.unsupported, below.after_leave, below.added) == ({"seed"}, AfterLeave.CANCEL, {})
    assert rule == Profile(
        stream_usage=StreamUsage.ALWAYS,
        after_leave=AfterLeave.DRAIN,
        streaming=rule.streaming,
        renames={"a": "b"},
        unsupported=frozenset({"seed", "top_p"}),
        added={"k": 1},
        removed=frozenset({"model"}),
        output_limit="n_predict",
        options={"reasoning": "none", "efforts": "low"},
    )
    assert rule.streaming.value == "never"
    assert profile_with(table.models[0], below, after_leave=AfterLeave.CANCEL).after_leave is AfterLeave.CANCEL


def test_servers_of_ones_own_need_no_key() -> None:
    assert read_preset("vllm").auth.key is Need.OPTIONAL
    assert read_preset("openai").auth.key is Need.REQUIRED
    assert read_preset("openai").auth.scheme is AuthScheme.BEARER
