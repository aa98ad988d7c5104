"""The words of a key's routes, against what the paths of the data plane are called."""

from tollway.access.routes import ROUTE_WORDS
from tollway.http.dialect_routes import GEMINI_WORD, WORDS
from tollway.http.model_pages import WORD


def test_every_path_that_a_key_may_be_kept_from_is_called_by_a_known_word() -> None:
    called = {*WORDS.values(), GEMINI_WORD, WORD}
    assert called <= set(ROUTE_WORDS)
    assert set(ROUTE_WORDS) - called <= {"proxy"}
