"""docs/dialects.md says what the code does: it is written from the code, anew, and compared."""

from tests.dialect_document import PAGE, document


def test_the_page_is_what_the_code_does() -> None:
    assert PAGE.read_text() == document(), "run `python -m tests.dialect_document` and read the difference"
