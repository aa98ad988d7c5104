"""Whatever words a provider has for it, no token is in two units, and the units add up to what it bills."""

import json

from hypothesis import assume, given
from hypothesis import strategies as st

from tollway.dialects.openai_usage import COUNT_MAX, read_usage
from tollway.neutral.usage import Usage

TOKENS = st.integers(0, 10**6)
Form = dict[str, object]


@st.composite
def usages(draw: st.DrawFn) -> Usage:
    """The truth: something was read and something written; the rest may be none."""
    return Usage(
        input=draw(st.integers(1, 10**6)),
        cached_input=draw(TOKENS),
        output=draw(TOKENS),
        reasoning=draw(TOKENS),
        audio_input=0,
        audio_output=0,
        cache_write_5m=draw(TOKENS),
        cache_write_1h=0,
    )


def sides(true: Usage) -> tuple[int, int]:
    output = (true.output or 0) + (true.reasoning or 0)
    return true.tokens - output, output


def openai(true: Usage) -> Form:
    prompt, completion = sides(true)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": true.cached_input, "cache_write_tokens": true.cache_write_5m},
        "completion_tokens_details": {"reasoning_tokens": true.reasoning},
    }


def xai(true: Usage) -> Form:
    return openai(true) | {"completion_tokens": true.output}


def gemini(true: Usage) -> Form:
    return openai(true) | {"completion_tokens": true.output, "completion_tokens_details": None}


def without_total(true: Usage) -> Form:
    return {name: value for name, value in openai(true).items() if name != "total_tokens"}


def litellm(true: Usage) -> Form:
    return openai(true) | {
        "prompt_tokens_details": {"cached_tokens": true.cached_input, "cache_creation_tokens": true.cache_write_5m},
        "cache_read_input_tokens": true.cached_input,
        "cache_creation_input_tokens": true.cache_write_5m,
    }


def alibaba(true: Usage) -> Form:
    return openai(true) | {
        "prompt_tokens_details": {
            "cached_tokens": true.cached_input,
            "cache_creation_input_tokens": true.cache_write_5m,
            "cache_creation": {"ephemeral_5m_input_tokens": true.cache_write_5m},
        }
    }


def passed_on(true: Usage) -> Form:
    """Anthropic's input_tokens as the prompt, all of it in the total."""
    return {
        "prompt_tokens": true.input,
        "completion_tokens": sum(sides(true)[1:]),
        "total_tokens": true.tokens,
        "cache_read_input_tokens": true.cached_input,
        "cache_creation_input_tokens": true.cache_write_5m,
        "completion_tokens_details": {"reasoning_tokens": true.reasoning},
    }


def shown(true: Usage) -> tuple[int, ...]:
    counts = (true.input, true.cached_input, true.output, true.reasoning, true.cache_write_5m, true.cache_write_1h)
    return tuple(count or 0 for count in counts)


@given(usages(), st.sampled_from([openai, xai, gemini, without_total, litellm, alibaba, passed_on]))
def test_lesson_16_every_providers_words_say_the_same(true: Usage, form: object) -> None:
    parts = (true.cached_input or 0) + (true.cache_write_5m or 0)
    # By chance as large as what reasoning stands beside: then nobody can tell the two apart.
    assume(parts not in {0, true.reasoning} or form in {openai, without_total})
    found = read_usage(json.dumps(form(true)).encode())  # type: ignore[operator]
    assert found is not None
    assert shown(found) == shown(true)
    assert found.tokens == true.tokens


@given(usages())
def test_deepseeks_words_say_the_same(true: Usage) -> None:
    prompt, completion = sides(true)
    cached = true.cached_input or 0
    found = read_usage(
        json.dumps(
            {
                "prompt_tokens": prompt,
                "completion_tokens": completion,
                "total_tokens": prompt + completion,
                "prompt_cache_hit_tokens": cached,
                "prompt_cache_miss_tokens": prompt - cached,
            }
        ).encode()
    )
    assert found == Usage(input=prompt - cached, cached_input=cached, output=completion)


COUNTS = st.none() | st.integers(0, 20) | st.integers(0, COUNT_MAX)
WRITES = st.none() | st.fixed_dictionaries(
    {}, optional={f"ephemeral_{age}_input_tokens": COUNTS for age in ("5m", "1h")}
)
ANYTHING = st.fixed_dictionaries(
    {},
    optional={
        "prompt_tokens": COUNTS,
        "completion_tokens": COUNTS,
        "total_tokens": COUNTS,
        "prompt_cache_hit_tokens": COUNTS,
        "cached_tokens": COUNTS,
        "cache_read_input_tokens": COUNTS,
        "cache_creation_input_tokens": COUNTS,
        "cache_creation": WRITES,
        "prompt_tokens_details": st.none()
        | st.fixed_dictionaries(
            {},
            optional={
                "cached_tokens": COUNTS,
                "audio_tokens": COUNTS,
                "cache_write_tokens": COUNTS,
                "cache_creation_tokens": COUNTS,
                "cache_creation": WRITES,
            },
        ),
        "completion_tokens_details": st.none()
        | st.fixed_dictionaries({}, optional={"reasoning_tokens": COUNTS, "audio_tokens": COUNTS}),
    },
)


@given(ANYTHING)
def test_lesson_16_nonsense_makes_no_negative_unit_and_loses_no_token(found: dict[str, int | None]) -> None:
    usage = read_usage(json.dumps(found).encode())
    prompt, completion = found.get("prompt_tokens"), found.get("completion_tokens")
    if usage is None:
        assert prompt is completion is None
        return
    assert all(count is None or count >= 0 for count in (getattr(usage, unit) for unit in Usage.__struct_fields__))
    output = (usage.output or 0) + (usage.reasoning or 0) + (usage.audio_output or 0)
    assert usage.tokens - output >= (prompt or 0)
    assert output >= (completion or 0)


@given(ANYTHING)
def test_what_fits_into_prompt_and_completion_adds_up_to_them(found: dict[str, int | None]) -> None:
    """Without Anthropic's words and without a total, nothing but reasoning can stand beside."""
    for name in ("total_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"):
        found.pop(name, None)
    usage = read_usage(json.dumps(found).encode())
    assume(usage is not None)
    assert usage is not None
    output = (usage.output or 0) + (usage.reasoning or 0) + (usage.audio_output or 0)
    assert usage.tokens - output == (found.get("prompt_tokens") or 0)
