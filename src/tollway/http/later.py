"""The paths of the services that Tollway answers in a later version: until then they say so, to whoever has a key.

A request that names a provider goes there all the same.
"""

from tollway.errors import Refusal
from tollway.http.routes import ANY, Call, Gate, Page, Route

LATER = (
    "/v1/evals",
    "/v1/replays",
    "/v1/jobs",
    "/v1/videos/generations",
    "/v1/audio/music",
    "/v1/3d/generations",
    "/v1/files",
    "/v1/batches",
    "/v1/realtime",
    "/v1/translations",
    "/v1/classifications",
    "/v1/detections",
    "/v1/ocr",
    "/v1/cache",
    "/mcp",
)
"""Each with all that lies below it."""


async def _refuse(call: Call) -> Page:
    raise Refusal(
        "not_supported",
        f"{call.path[:200]} is not supported by this version of the gateway: it answers chat, embeddings, pictures, sound, "
        "moderation and reranking (GET /v1/capabilities).",
    )


def later_routes() -> dict[str, Route]:
    """Return the routes of LATER. They read no body, whatever is sent."""
    route = Route(method=ANY, gate=Gate.KEY, page=_refuse, yields=True)
    return {path: route for start in LATER for path in (start, f"{start}/")}
