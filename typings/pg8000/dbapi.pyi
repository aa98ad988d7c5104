from socket import socket
from ssl import SSLContext

class Connection:
    _usock: socket | None
    def __init__(
        self,
        user: str,
        host: str = ...,
        database: str | None = ...,
        port: int = ...,
        password: str | None = ...,
        unix_sock: str | None = ...,
        ssl_context: SSLContext | bool | None = ...,
        timeout: float | None = ...,
        application_name: str | None = ...,
        startup_params: dict[str, str] | None = ...,
    ) -> None: ...
    def close(self) -> None: ...
