"""What can be wrong with the database itself (gone, silent, full, damaged), told apart from defects of ours. Knows no table."""

import asyncpg
import pg8000.exceptions
import sqlalchemy.exc

from tollway.errors import TollwayError

OUTSIDE = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError, EOFError)
"""What asyncpg raises when the database refuses, breaks off or is silent: and, if we do, when we misuse it."""

DEFECTS = ("22", "23", "42")
"""Classes of SQLSTATE that say that our own statement or value is wrong: data, integrity, syntax and access."""
AGAIN = ("40001", "40P01")
"""A transaction that others got in the way of, and that may be tried again as it is."""
ACCESS = "42501"
"""The exception: a role that may not do what Tollway needs is for the operator to mend."""


class StoreTrouble(TollwayError):
    """The database cannot be used at the moment; says why in words for an operator."""


def sentence(error: BaseException) -> str:
    """Return what is wrong, in words for an operator; an error without words is named."""
    if isinstance(error, TimeoutError):
        return "the database did not answer in time"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    detail = error.args[0] if error.args else ""
    if isinstance(detail, dict):
        return str(detail.get("M", detail))  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
    return str(error) or type(error).__name__


def trouble_of(error: Exception) -> str | None:
    """Return what is wrong with the database, in words for an operator; None when the error is a defect of ours."""
    if isinstance(error, StoreTrouble):
        return str(error)
    if isinstance(error, sqlalchemy.exc.TimeoutError):
        return "all its connections are busy"
    if isinstance(error, OSError):  # of the handshake, which pg8000 leaves to others
        return sentence(error)
    if not isinstance(error, sqlalchemy.exc.DBAPIError) or error.orig is None:
        return None
    cause = error.orig
    if isinstance(cause, pg8000.exceptions.InterfaceError):
        return sentence(_first_of(cause))
    code = sqlstate(cause)
    return None if code is None or is_defect(code) else sentence(cause)


def _first_of(error: BaseException) -> BaseException:
    """Return where a chain of errors began: pg8000 says goodbye to a server that refused it, and then that went wrong."""
    while (before := error.__cause__ or error.__context__) is not None:
        error = before
    return error


def is_defect(code: str) -> bool:
    """Tell whether a SQLSTATE says that a statement or a value of ours is wrong."""
    return code[:2] in DEFECTS and code != ACCESS


def sqlstate(error: BaseException) -> str | None:
    """Return the five letters by which the server names an error; None when it is not the server's."""
    if isinstance(error, asyncpg.PostgresError):
        return error.sqlstate
    detail = error.args[0] if error.args else None
    if isinstance(detail, dict):
        return str(detail.get("C"))  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
    return None
