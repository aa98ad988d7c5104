"""The words of real providers for what their caches had, and what follows from totals. Each object was sent by one."""

import pytest

from tollway.dialects.openai_usage import read_usage
from tollway.neutral.usage import Usage


@pytest.mark.parametrize(
    ("found", "usage"),
    [
        pytest.param(
            b'{"prompt_tokens":16924,"completion_tokens":485,"total_tokens":17409,"cost":0.066407,"is_byok":false,'
            b'"prompt_tokens_details":{"cached_tokens":0,"cache_write_tokens":0,"audio_tokens":0,"video_tokens":0},'
            b'"completion_tokens_details":{"reasoning_tokens":449,"image_tokens":0,"audio_tokens":0}}',
            Usage(
                input=16924, cached_input=0, cache_write_5m=0, audio_input=0, output=36, reasoning=449, audio_output=0
            ),
            id="OpenRouter",
        ),
        pytest.param(
            b'{"completion_tokens":2,"completion_tokens_details":{"reasoning_tokens":0},"cost":0.95,"prompt_tokens":194,'
            b'"prompt_tokens_details":{"cached_tokens":0,"cache_write_tokens":100,"audio_tokens":0},"total_tokens":196}',
            Usage(input=94, cached_input=0, cache_write_5m=100, audio_input=0, output=2, reasoning=0),
            id="OpenRouter, written to the cache",
        ),
        pytest.param(
            b'{"total_tokens":103925,"prompt_tokens":98805,"completion_tokens":5120,"prompt_tokens_details":{"text_tokens":'
            b'null,"cached_tokens":66360,"cache_creation_tokens":32435},"cache_read_input_tokens":66360,'
            b'"completion_tokens_details":{"text_tokens":null,"reasoning_tokens":1710},"cache_creation_input_tokens":32435}',
            Usage(input=10, cached_input=66360, cache_write_5m=32435, output=3410, reasoning=1710),
            id="LiteLLM before Anthropic",
        ),
        pytest.param(
            b'{"prompt_tokens":62,"completion_tokens":34,"total_tokens":96,"prompt_tokens_details":{"cached_tokens":0},'
            b'"prompt_cache_hit_tokens":0,"prompt_cache_miss_tokens":62}',
            Usage(input=62, cached_input=0, output=34),
            id="DeepSeek",
        ),
        pytest.param(
            b'{"prompt_tokens":205,"completion_tokens":18,"total_tokens":223,"prompt_tokens_details":{"text_tokens":205,'
            b'"audio_tokens":0,"image_tokens":0,"cached_tokens":159},"completion_tokens_details":{"reasoning_tokens":0,'
            b'"audio_tokens":0},"num_sources_used":0,"cost_in_usd_ticks":0}',
            Usage(input=46, cached_input=159, audio_input=0, output=18, reasoning=0, audio_output=0),
            id="Grok on Azure",
        ),
        pytest.param(
            b'{"prompt_tokens":7,"completion_tokens":1,"total_tokens":8,"audio_prompt_tokens":0,"prompt_tokens_details":'
            b'{"cached_tokens":163,"audio_tokens":0,"text_tokens":7,"image_tokens":0},"completion_tokens_details":'
            b'{"reasoning_tokens":0,"audio_tokens":0},"num_sources_used":0}',
            Usage(input=7, audio_input=0, output=1, reasoning=0, audio_output=0),
            id="Grok on Azure, more cached than there was",
        ),
        pytest.param(
            b'{"completion_tokens":335,"completion_tokens_details":{"accepted_prediction_tokens":0,"reasoning_tokens":293,'
            b'"rejected_prediction_tokens":0},"draft_tokens":0,"prompt_tokens":16,"prompt_tokens_details":'
            b'{"cached_tokens":0},"total_tokens":351}',
            Usage(input=16, cached_input=0, output=42, reasoning=293),
            id="Cerebras",
        ),
        pytest.param(
            b'{"queue_time":0.0162,"prompt_tokens":18,"prompt_time":0.0018,"completion_tokens":35,"total_tokens":53}',
            Usage(input=18, output=35),
            id="Groq",
        ),
        pytest.param(
            b'{"prompt_tokens":9,"completion_tokens":12,"total_tokens":21,"search_context_size":"low","cost":'
            b'{"input_tokens_cost":1e-05,"output_tokens_cost":1e-05,"request_cost":0.005,"total_cost":0.00502}}',
            Usage(input=9, output=12),
            id="Perplexity",
        ),
        pytest.param(
            b'{"prompt_audio_seconds":null,"prompt_tokens":5,"total_tokens":5,"completion_tokens":0,'
            b'"prompt_tokens_details":null,"completion_tokens_details":null}',
            Usage(input=5, output=0),
            id="Mistral, embeddings",
        ),
        pytest.param(b'{"prompt_tokens":8,"total_tokens":8}', Usage(input=8, output=0), id="OpenAI, embeddings"),
    ],
)
def test_what_a_provider_sent_is_read_into_disjoint_units(found: bytes, usage: Usage) -> None:
    assert read_usage(found) == usage


@pytest.mark.parametrize(
    ("found", "usage"),
    [
        # Moonshot's word for cached input.
        (b'{"prompt_tokens":100,"completion_tokens":1,"cached_tokens":64}', Usage(input=36, cached_input=64, output=1)),
        # Alibaba's and New API's for what was written, New API's with a zero under the other name.
        (
            (
                b'{"prompt_tokens":100,"completion_tokens":1,"total_tokens":101,"prompt_tokens_details":'
                b'{"cached_tokens":20,"cache_creation_input_tokens":70,"cache_creation":{"ephemeral_5m_input_tokens":70}}}'
            ),
            Usage(input=10, cached_input=20, cache_write_5m=70, output=1),
        ),
        (
            (
                b'{"prompt_tokens":100,"completion_tokens":1,"prompt_tokens_details":{"cached_creation_tokens":70,'
                b'"cache_write_tokens":0}}'
            ),
            Usage(input=30, cache_write_5m=70, output=1),
        ),
        # Anthropic's division by age, and its names beside the prompt: counted by the total, and not.
        (
            (
                b'{"prompt_tokens":10,"completion_tokens":5,"total_tokens":165,"cache_read_input_tokens":50,'
                b'"cache_creation_input_tokens":100,"cache_creation":{"ephemeral_5m_input_tokens":60,'
                b'"ephemeral_1h_input_tokens":40}}'
            ),
            Usage(input=10, cached_input=50, cache_write_5m=60, cache_write_1h=40, output=5),
        ),
        (
            b'{"prompt_tokens":10,"completion_tokens":5,"total_tokens":15,"cache_read_input_tokens":50}',
            Usage(input=10, cached_input=50, output=5),
        ),
        (
            b'{"prompt_tokens":10,"completion_tokens":5,"cache_creation_input_tokens":50}',
            Usage(input=10, cache_write_5m=50, output=5),
        ),
        # The division says less than the sum: the rest is of the younger kind; it says more: it is believed.
        (
            (
                b'{"prompt_tokens":100,"completion_tokens":5,"cache_creation_input_tokens":50,"cache_creation":'
                b'{"ephemeral_1h_input_tokens":40}}'
            ),
            Usage(input=50, cache_write_5m=10, cache_write_1h=40, output=5),
        ),
        (
            b'{"prompt_tokens":100,"completion_tokens":5,"cache_creation":{"ephemeral_1h_input_tokens":40}}',
            Usage(input=60, cache_write_1h=40, output=5),
        ),
        # Reasoning and cache both stand beside; the cache's size is the reasoning's by chance: xAI, as ever.
        (
            (
                b'{"prompt_tokens":10,"completion_tokens":5,"total_tokens":95,"prompt_tokens_details":{"cached_tokens":50},'
                b'"completion_tokens_details":{"reasoning_tokens":30}}'
            ),
            Usage(input=10, cached_input=50, output=5, reasoning=30),
        ),
        (
            (
                b'{"prompt_tokens":100,"completion_tokens":5,"total_tokens":135,"prompt_tokens_details":{"cached_tokens":30},'
                b'"completion_tokens_details":{"reasoning_tokens":30}}'
            ),
            Usage(input=70, cached_input=30, output=5, reasoning=30),
        ),
        # What was written does not fit into the prompt, what was read does: half of it is believed.
        (
            (
                b'{"prompt_tokens":100,"completion_tokens":5,"prompt_tokens_details":{"cached_tokens":50,'
                b'"cache_write_tokens":60}}'
            ),
            Usage(input=50, cached_input=50, output=5),
        ),
        # A cache without a prompt belongs to nothing.
        (b'{"completion_tokens":5,"cache_read_input_tokens":50}', Usage(output=5)),
    ],
)
def test_lesson_75_the_cache_has_many_names_and_is_counted_once(found: bytes, usage: Usage) -> None:
    assert read_usage(found) == usage


def test_a_side_that_is_left_out_follows_from_the_total() -> None:
    assert read_usage(b'{"prompt_tokens":10,"total_tokens":15}') == Usage(input=10, output=5)
    assert read_usage(b'{"completion_tokens":5,"total_tokens":15}') == Usage(input=10, output=5)
    assert read_usage(b'{"completion_tokens":5,"total_tokens":15,"cached_tokens":4}') == Usage(
        input=6, cached_input=4, output=5
    )


def test_a_total_that_leaves_no_room_tells_nothing() -> None:
    assert read_usage(b'{"prompt_tokens":10,"total_tokens":9}') == Usage(input=10)
    assert read_usage(b'{"completion_tokens":5,"total_tokens":5}') == Usage(output=5)
    assert read_usage(b'{"total_tokens":5}') is None
