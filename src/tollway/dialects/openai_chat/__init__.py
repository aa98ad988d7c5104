"""OpenAI chat completions, as bytes and facts; no I/O."""
