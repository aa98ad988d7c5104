"""The forms in which an admin route may answer, beside JSON. Knows no route."""

from enum import StrEnum

from starlette.responses import Response

from tollway.billing.printable import MEDIA_TYPE, POLICY

CSV = "text/csv; charset=utf-8"


class TableForm(StrEnum):
    """For programs, or for a spreadsheet."""

    JSON = "json"
    CSV = "csv"


class PageForm(StrEnum):
    """For programs, or to print."""

    JSON = "json"
    HTML = "html"


class StatementForm(StrEnum):
    """For programs, for a spreadsheet, or to print."""

    JSON = "json"
    CSV = "csv"
    HTML = "html"


def page_response(page: str) -> Response:
    """Return a page to print, with the header that keeps every script out of it."""
    headers = {"content-security-policy": POLICY, "x-content-type-options": "nosniff", "referrer-policy": "no-referrer"}
    return Response(page, media_type=MEDIA_TYPE, headers=headers)
