"""An OpenAPI description of the routes that OpenAI and Tollway both serve, with the bodies that OpenAI's library writes.

The types of its library are made from OpenAI's published description; so are these schemas, out of the installed version.
"""

from typing import Any

from openai.types import (
    completion_create_params,
    embedding_create_params,
    image_generate_params,
    moderation_create_params,
)
from openai.types.audio import speech_create_params
from openai.types.chat import completion_create_params as chat_create_params
from openai.types.responses import response_create_params
from pydantic import TypeAdapter

BODIES: dict[str, Any] = {
    "/v1/chat/completions": chat_create_params.CompletionCreateParamsNonStreaming,
    "/v1/completions": completion_create_params.CompletionCreateParamsNonStreaming,
    "/v1/responses": response_create_params.ResponseCreateParamsNonStreaming,
    "/v1/embeddings": embedding_create_params.EmbeddingCreateParams,
    "/v1/images/generations": image_generate_params.ImageGenerateParamsNonStreaming,
    "/v1/audio/speech": speech_create_params.SpeechCreateParams,
    "/v1/moderations": moderation_create_params.ModerationCreateParams,
}


def description(model: str) -> dict[str, Any]:
    """Return the description; its requests ask for one model."""
    paths = {path: {"post": _operation(path, body, model)} for path, body in BODIES.items()}
    paths["/v1/models"] = {"get": {"operationId": "models", "responses": {"200": {"description": "The models."}}}}
    schemas = {name: schema for body in BODIES.values() for name, schema in _defined(body).items()}
    info = {"title": "OpenAI, as its library asks it", "version": "1"}
    return {"openapi": "3.1.0", "info": info, "paths": paths, "components": {"schemas": schemas}}


def _schema(body: Any) -> dict[str, Any]:
    return TypeAdapter(body).json_schema(ref_template="#/components/schemas/{model}")


def _defined(body: Any) -> dict[str, Any]:
    return _schema(body).get("$defs", {})


def _operation(path: str, body: Any, model: str) -> dict[str, Any]:
    schema = {name: value for name, value in _schema(body).items() if name != "$defs"}
    schema["properties"] = schema["properties"] | {"model": {"const": model}}
    schema["required"] = [*{*schema.get("required", []), "model"}]
    return {
        "operationId": path.strip("/").replace("/", "_"),
        "requestBody": {"required": True, "content": {"application/json": {"schema": schema}}},
        "responses": {"default": {"description": "An answer."}},
    }
