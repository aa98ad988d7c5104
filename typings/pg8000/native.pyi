from pg8000.exceptions import DatabaseError as DatabaseError
from pg8000.exceptions import InterfaceError as InterfaceError

class Connection:
    def __init__(
        self,
        user: str,
        host: str = ...,
        database: str | None = ...,
        port: int = ...,
        password: str | None = ...,
        unix_sock: str | None = ...,
        timeout: float | None = ...,
    ) -> None: ...
    def run(self, sql: str) -> list[list[object]] | None: ...
    def close(self) -> None: ...
