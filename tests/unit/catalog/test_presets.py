"""The presets: each file is complete, and every mistake in one is reported at once."""

from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest

from tests.providers import a_provider
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
from tollway.catalog.records import AfterLeave, Profile, StreamUsage, fits
from tollway.catalog.templates import places
from tollway.dialects.known import DIALECTS
from tollway.dialects.openai_chat.render_request import OPTIONS
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
    assert {*DIALECT_NAMES} == DIALECTS.keys()


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


WORDS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "openai_chat": OPTIONS,
    "openai_responses": {"reasoning": ("sealed",), "efforts": OPTIONS["efforts"]},
    "anthropic_messages": {"thinking": ("budget", "adaptive")},
    "gemini": {"thinking": ("budget", "level", "none"), "call_ids": ("kept",), "result_media": ("inside", "beside")},
    "bedrock_converse": {
        "thinking": ("thinking", "adaptive", "reasoningConfig", "reasoning_effort"),
        "top_k": ("top_k", "topK"),
        "cache_points": ("none",),
    },
    "cohere_chat": {"reasoning_history": ("tool_plan", "thinking")},
}
"""What dialects document beside their renderers."""

NUMBERS = ("thinking_budget_min", "thinking_budget_max")


@each_preset
def test_options_are_words_that_the_dialect_knows(name: str) -> None:
    for dialect, table in read_preset(name).dialects.items():
        for options in (table.options, *(rule.options for rule in table.models)):
            for option, said in options.items():
                if option in NUMBERS:
                    assert said.isdigit()
                else:
                    assert {*said.split()} <= {*WORDS[dialect][option]}, (dialect, option)


TUNING = {
    *("temperature", "top_p", "top_k", "seed", "frequency_penalty", "presence_penalty", "logit_bias", "logprobs"),
    *("top_logprobs", "parallel_tool_calls", "service_tier", "user", "store", "verbosity", "prompt_cache_key"),
    "safety_identifier",
}
"""What may be left out: knobs, never content and never a contract."""


@each_preset
def test_only_knobs_are_left_out(name: str) -> None:
    for table in read_preset(name).dialects.values():
        for said in (table, *table.models):
            assert said.unsupported <= TUNING


def profile(preset: str, dialect: str, model: str) -> Profile:
    """Return what holds for a model of a preset."""
    table = read_preset(preset).dialects[dialect]
    below = profile_with(table, Profile(), after_leave=None)
    rule = next((rule for rule in table.models if any(fits(pattern, model) for pattern in rule.match)), None)
    return below if rule is None else profile_with(rule, below, after_leave=None)


@pytest.mark.parametrize(
    ("preset", "dialect", "model", "option", "said"),
    [
        ("openai", "openai_chat", "o3-mini-2025-01-31", "efforts", "low medium high"),
        ("openai", "openai_chat", "gpt-5-mini", "efforts", "minimal low medium high"),
        ("openai", "openai_chat", "gpt-5.1", "efforts", "none low medium high"),
        ("openai", "openai_chat", "gpt-4o", "reasoning", "none"),
        ("openai", "openai_responses", "o3-pro", "reasoning", "sealed"),
        ("anthropic", "anthropic_messages", "claude-3-7-sonnet-20250219", "thinking", "budget"),
        ("anthropic", "anthropic_messages", "claude-opus-4-20250514", "thinking", "budget"),
        ("anthropic", "anthropic_messages", "claude-opus-4-6", "thinking", "adaptive"),
        ("anthropic", "anthropic_messages", "claude-opus-4-7", "thinking", "adaptive"),
        ("vertex", "anthropic_messages", "claude-sonnet-4@20250514", "thinking", "budget"),
        ("bedrock", "bedrock_converse", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", "thinking", "thinking"),
        ("bedrock", "bedrock_converse", "anthropic.claude-opus-4-7", "thinking", "adaptive"),
        ("bedrock", "bedrock_converse", "anthropic.claude-3-haiku-20240307-v1:0", "thinking", None),
        ("bedrock", "bedrock_converse", "eu.amazon.nova-lite-v1:0", "top_k", "topK"),
        ("gemini", "gemini", "gemini-2.5-pro", "thinking_budget_min", "128"),
        ("gemini", "gemini", "gemini-2.5-flash", "thinking_budget_max", "24576"),
        ("gemini", "gemini", "gemini-2.0-flash", "thinking", "none"),
        ("gemini", "gemini", "gemini-3.1-pro-preview", "thinking", "level"),
        ("deepseek", "openai_chat", "deepseek-v4-pro", "reasoning", "thinking_type"),
        ("moonshot", "openai_chat", "kimi-k3", "efforts", "low high max"),
        ("moonshot", "openai_chat", "kimi-k2.6", "reasoning", "thinking_type"),
        ("moonshot", "openai_chat", "moonshot-v1-8k", "reasoning", "none"),
        ("qwen", "openai_chat", "qwen-plus", "reasoning", "enable_thinking"),
        ("zai", "openai_chat", "glm-4.6", "reasoning", "thinking_type"),
        ("groq", "openai_chat", "openai/gpt-oss-20b", "efforts", "low medium high"),
        ("groq", "openai_chat", "llama-3.3-70b-versatile", "reasoning", "none"),
        ("xai", "openai_chat", "grok-4-0709", "reasoning", "none"),
        ("xai", "openai_chat", "grok-4.5", "efforts", "low medium high"),
        ("xai", "openai_chat", "grok-3-mini", "efforts", "low high"),
        ("mistral", "openai_chat", "mistral-small-latest", "efforts", "none high"),
        ("openrouter", "openai_chat", "any/thing", "reasoning", "reasoning_object"),
    ],
)
def test_models_are_told_to_think_as_they_understand_it(
    preset: str, dialect: str, model: str, option: str, said: str | None
) -> None:
    assert profile(preset, dialect, model).options.get(option) == said


@pytest.mark.parametrize(
    ("preset", "model", "left_out", "kept"),
    [
        ("openai", "o1", "temperature", "seed"),
        ("openai", "gpt-5", "top_p", "seed"),
        ("openai", "gpt-4.1", None, "temperature"),
        ("openai", "gpt-5.1", None, "temperature"),
        ("groq", "any", "logit_bias", "seed"),
        ("cerebras", "any", "frequency_penalty", "seed"),
        ("mistral", "any", "logit_bias", "seed"),
        ("xai", "grok-4", "presence_penalty", "seed"),
        ("xai", "grok-4-fast-non-reasoning", None, "presence_penalty"),
        ("moonshot", "kimi-k2.5", "temperature", "seed"),
        ("moonshot", "moonshot-v1-8k", None, "temperature"),
        ("perplexity", "sonar", "seed", "temperature"),
    ],
)
def test_what_a_model_refuses_is_left_out_of_chat(preset: str, model: str, left_out: str | None, kept: str) -> None:
    unsupported = profile(preset, "openai_chat", model).unsupported
    assert kept not in unsupported
    assert left_out is None or left_out in unsupported


@pytest.mark.parametrize(
    ("model", "left_out"), [("claude-opus-4-7", True), ("claude-sonnet-5-5", True), ("claude-haiku-4-5", False)]
)
def test_newer_claude_takes_no_sampling(model: str, *, left_out: bool) -> None:
    assert ("temperature" in profile("anthropic", "anthropic_messages", model).unsupported) is left_out


@pytest.mark.parametrize(
    ("model", "dialects"),
    [
        ("gpt-4o", ["openai_chat", "openai_responses"]),
        ("gpt-5-codex", ["openai_responses"]),
        ("o3-pro", ["openai_responses"]),
        ("gpt-5.2-pro", ["openai_responses"]),
        ("gpt-4o-audio-preview", ["openai_chat"]),
        ("gpt-3.5-turbo-instruct", ["openai_completions"]),
    ],
)
def test_models_are_asked_where_they_answer(model: str, dialects: list[str]) -> None:
    tables = read_preset("openai").dialects
    answering = [
        name
        for name in ("openai_chat", "openai_responses", "openai_completions")
        if not any(fits(pattern, model) for pattern in tables[name].never)
        and (not tables[name].only or any(fits(pattern, model) for pattern in tables[name].only))
    ]
    assert answering == dialects


def test_names_that_a_provider_has_for_fields_are_given_to_them() -> None:
    found = profile("mistral", "openai_chat", "any")
    assert found.renames == {"max_completion_tokens": "max_tokens", "seed": "random_seed"}
    assert (found.stream_usage, found.after_leave) == (StreamUsage.ALWAYS, AfterLeave.DRAIN)
    assert profile("openai", "openai_chat", "gpt-4o").output_limit == "max_completion_tokens"
    assert profile("openai-compatible", "openai_chat", "any").output_limit == "max_tokens"


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


@pytest.mark.parametrize(
    ("name", "words", "message", "meaning"),
    [
        (
            "gemini",
            ("API_KEY_INVALID", "INVALID_ARGUMENT"),
            "API key not valid. Please pass a valid API key.",
            "credentials",
        ),
        ("xai", ("invalid-argument", None), "Incorrect API key provided. You can obtain an API key", "credentials"),
        ("openai", ("insufficient_quota", "insufficient_quota"), "You exceeded your current quota", "funds"),
        ("anthropic", (None, "invalid_request_error"), "Your credit balance is too low to access", "funds"),
        ("azure-openai-deployments", ("DeploymentNotFound", "invalid_request_error"), "The API deployment", "model"),
        ("openai", ("context_length_exceeded", "invalid_request_error"), "insufficient_quota is a word of it", None),
        ("mistral", (None, None), "Invalid API Key", None),
    ],
)
def test_errors_are_about_what_their_words_say(
    name: str, words: tuple[str | None, ...], message: str, meaning: str | None
) -> None:
    provider = msgspec.structs.replace(a_provider(), error_words=read_preset(name).errors)
    assert provider.meaning_of(words, message) == meaning
