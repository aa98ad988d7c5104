"""Whether a PostgreSQL server has room for the connections of the processes that are to serve. Changes nothing."""

from sqlalchemy import Connection, text

from tollway.errors import SetupError
from tollway.store.postgres.connections import KEY_CONNECTIONS, POOL_CONNECTIONS

CONNECTIONS_PER_PROCESS = POOL_CONNECTIONS + KEY_CONNECTIONS + 4
"""One to be seen by, one for charges, and two for a proof of the books, which reads them in two threads."""

_LIMITS = text(
    """
    WITH used AS (SELECT datid, usesysid FROM pg_stat_activity WHERE datid IS NOT NULL AND pid <> pg_backend_pid())
    SELECT 'max_connections' AS name, current_setting('max_connections')::bigint
        - current_setting('superuser_reserved_connections')::bigint
        - coalesce(current_setting('reserved_connections', true), '0')::bigint AS at_most,
        (SELECT count(*) FROM used) AS in_use
    UNION ALL
    SELECT 'CONNECTION LIMIT of the role', rolconnlimit, (SELECT count(*) FROM used WHERE usesysid = pg_roles.oid)
    FROM pg_roles WHERE rolname = current_user AND rolconnlimit >= 0
    UNION ALL
    SELECT 'CONNECTION LIMIT of the database', datconnlimit, (SELECT count(*) FROM used WHERE datid = pg_database.oid)
    FROM pg_database WHERE datname = current_database() AND datconnlimit >= 0
    """
)


def require_room(connection: Connection, processes: int) -> None:
    """Raise SetupError unless `processes` more, beside all that are connected now, find room."""
    needed = processes * CONNECTIONS_PER_PROCESS
    mistakes = tuple(
        f"[store] url: {processes} workers take up to {needed} connections, and PostgreSQL has room for "
        f"{max(0, row.at_most - row.in_use)}: {row.in_use} of {row.at_most} are in use; raise {row.name}, or lower "
        "[server] workers"
        for row in connection.execute(_LIMITS)
        if row.at_most - row.in_use < needed
    )
    if mistakes:
        raise SetupError(mistakes)
