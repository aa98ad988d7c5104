"""LangChain's standard tests through its ChatAnthropic."""

import os
from typing import Any

from langchain_anthropic import ChatAnthropic  # pyright: ignore[reportMissingImports]
from langchain_tests.integration_tests import ChatModelIntegrationTests  # pyright: ignore[reportMissingImports]

COUNTED = {"chat": ["cache_read_input"], "messages": ["cache_read_input"], "local": []}[os.environ["JUDGED_UPSTREAM"]]
LIMIT = int(os.environ.get("JUDGED_LIMIT", "100"))


class TestMessages(ChatModelIntegrationTests):
    @property
    def chat_model_class(self) -> type[ChatAnthropic]:
        return ChatAnthropic

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {
            "model": os.environ["JUDGED_MODEL"],
            "base_url": os.environ["TOLLWAY_URL"],
            "api_key": os.environ["TOLLWAY_KEY"],
            "max_tokens": LIMIT,
        }

    supports_image_inputs = True
    supports_image_urls = True
    supports_pdf_inputs = True
    supports_image_tool_message = True
    supports_pdf_tool_message = True
    supports_anthropic_inputs = True
    model_override_value = os.environ["JUDGED_OTHER_MODEL"]

    @property
    def supported_usage_metadata_details(self) -> dict[str, list[str]]:
        return {"invoke": COUNTED, "stream": COUNTED}

    def invoke_with_cache_read_input(self, *, stream: bool = False) -> Any:
        model = self.chat_model_class(**self.chat_model_params)
        long = "The sea is wide. " * 100
        model.invoke(long)
        if not stream:
            return model.invoke(long)
        first, *rest = model.stream(long)
        for chunk in rest:
            first += chunk
        return first
