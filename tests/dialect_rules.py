"""What changes between dialects without being named in a warning: each a rule that docs/dialects.md states.

The properties over all pairs allow a difference only where a rule stands here, and the document is written from it.
"""

from dataclasses import dataclass

EVERY = ("*",)


@dataclass(frozen=True)
class Rule:
    """One fact that another dialect may hold otherwise."""

    fact: str
    """As `conserved.facts_of` calls it."""
    dialects: tuple[str, ...]
    """On their way to these; `*` is every one."""
    sentence: str


RULES = (
    Rule(
        "reasoning text",
        EVERY,
        "Earlier reasoning without a seal is left out where a dialect has no place for it: no provider misses the "
        "thoughts of another. Sealed reasoning that cannot go is named `sealed reasoning`.",
    ),
    Rule(
        "response_format.name",
        ("anthropic_messages", "gemini", "ollama_chat", "ollama_generate", "cohere_chat"),
        "The name of a JSON schema is a label; where there is no place for one it is left out. Its description says "
        "something to the model, and is named `description` when it is left out.",
    ),
    Rule(
        "response_format.strict",
        ("anthropic_messages", "gemini", "ollama_chat", "ollama_generate", "cohere_chat"),
        "`strict` of a JSON schema is left out where every schema is held to strictly.",
    ),
    Rule(
        "reasoning.shown",
        ("openai_chat", "openai_completions", "anthropic_messages", "ollama_chat", "ollama_generate"),
        "The wish to read the thoughts is left out where they are always shown.",
    ),
)


def excused_of(dialect: str) -> set[str]:
    """Return the facts that may be others in a request for a provider of this dialect."""
    return {rule.fact for rule in RULES if rule.dialects == EVERY or dialect in rule.dialects}


WRITTEN = """\
# Dialects

Tollway speaks seven chat dialects to clients and nine to providers. Where both sides speak the same one, the client's
bytes pass, but for the model's name, the output limit, and what the provider's profile says. Where they differ, the
request is read into one neutral form and written anew, and so is the answer, streamed or not: a client that streams can
use a provider that does not, and the other way round.

**Nothing is lost in silence.** What a client asks is carried; or it only tunes, and is dropped and named in the header
`x-tollway-warning` (`dropped: seed, logit_bias`; a key in strict mode gets a 400 instead); or it is content or a contract
that the provider's dialect has no place for, and the request is refused with a 400 whose `param` names the field; or it
changes by a rule of this page. Knobs that Tollway itself does not know pass where the dialect is the same, and are dropped
and named where it is not. So do the headers of a dialect (`anthropic-beta`).

This page is written from the code by `python -m tests.dialect_document`, and a test holds it against the code.

## Rules

- **System messages.** Dialects with one place for them (`anthropic_messages`, `gemini`, `bedrock_converse`,
  `openai_responses` at its start) get them there in their order, joined by blank lines, the later ones too. Elsewhere
  they stay where they are.
  Instructions without any message are the user's message there.
- **What the assistant said** has one place for text, one for refusals and one for calls in `openai_chat`, `ollama_chat`
  and `cohere_chat`: in histories and in whole answers the text stands before the calls. Streams keep every order.
- **Merging.** Neighbouring messages of one role become one where a dialect wants the roles to take turns. The results of
  tools then come first in the user's message, and what the user says follows.
- **Ids of calls** pass as they are. Where a provider has none, the reader makes them, the same for the same bytes. Where
  none can be sent, results are put in the order of their calls, which is how the provider finds what belongs together.
- **Arguments of calls** are the very text that the model wrote. Dialects that hold an object get one; text that is no JSON
  object stands there as its one member `_unparsed`.
- **Streamed calls** come in pieces, as OpenAI sends them. `mistralai` reads a streamed call only in one piece, as Mistral
  sends it: with that client, ask other providers for tools without a stream.
- **Pictures that a tool returned** stand behind the results, in a message of the user that says which call they are from,
  where a result can hold text alone. A prompt (`ollama_generate`) has its pictures first.
- **A plain text document** becomes text, its title before it, where a dialect takes PDFs alone (`openai_chat`).
- **What the client says of a document** (`context`) becomes text before it where it has no place of its own.
- **Seals.** Signatures of reasoning and encrypted reasoning mean something to their issuer alone. A client of another
  dialect gets them with a mark (`tollway-seal~1.PROVIDER.…`) in its own dialect's place for such things and sends them
  back as they are; the provider that issued them gets its own bytes again, and no other gets any: there they are left out
  and named `sealed reasoning`.
- **Defaults.** Where a dialect demands a limit on the answer, the client's own goes in, else the model's, else 4,096
  tokens. A schema without a name is called `answer`, and a file without one `document`.
- **Citations** come through where both sides have them: `url_citation` annotations in `openai_chat` and
  `openai_responses`, citations of text blocks in `anthropic_messages`, grounding in `gemini`. In the Ollama dialects and in
  `openai_completions` they have no place, and are left out of the answer; the text stays.
- **Refusals of the model** come through as text where a dialect has no word of their own for them.
- **Log probabilities** come through between dialects that have them.
- **What is not asked for cannot be answered.** A completion and `/api/generate` have no tools, so no call can come back.
  Should a model think all the same, its thoughts are left out of a completion; their tokens are counted and billed.
- **Errors** of a provider become the right status, code and envelope of the client's dialect ([errors](errors.md)). A
  stream that breaks off ends with an error event in the client's dialect, and never with what means a good end.
@RULES@

### How much to think

One table stands between words and budgets. A word that a provider does not know becomes the nearest that it does.

@EFFORTS@

"As much as it likes" is a budget of -1, Gemini's dynamic and Anthropic's adaptive thinking; where there is no such word it
is `medium`. A budget becomes the smallest word that is worth as much. Thinking that a limit on the answer leaves no room
for, or that a forced tool forbids, is dropped and named `reasoning`.

### Why an answer ended

What comes through each dialect, where it has no word of its own:

@REASONS@

An answer with calls ended for them (`tool_calls`), whatever word its dialect has.

### What was used

Counts that a dialect tells apart; the others are added to its input or its output, so that the sums are right in each:

@USAGE@

## What clients can ask

`yes`: the dialect has words for it. Whether a provider takes it says the next table.

@CLIENTS@

## What providers take

`yes`: carried. `profile`: carried where the provider's profile or the model's rule says so, else what stands beside it.
`rule`: changed by a rule above. `dropped` and `refused` say under which name. What is refused is never sent.

@PROVIDERS@

## What a pair cannot carry

Of what a client of each dialect can ask, without what a provider's profile adds. Knobs that Tollway does not know are
dropped by their own names in every pair of different dialects. `sealed reasoning` is that of another provider, and to
`ollama_chat` and `cohere_chat`, which issue none, any.
The warning calls each as the client does: `user` or `metadata.user_id`, where this page has `end_user`.

@PAIRS@

## What cannot be

The cells of the matrix client × provider × {plain, stream} × {text, tools, parallel tools, image, schema, reasoning,
error} that have no test of passing, for these reasons:

@IMPOSSIBLE@
"""
