"""Running the web server."""

from __future__ import annotations

import socket

from indexer.errors import SettingsError
from indexer.library import open_library
from indexer.settings import Settings


def serve(settings: Settings, host: str, port: int) -> None:
    """Serve pages and REST until interrupted.

    Raises `SettingsError` when the address cannot be taken and `StoreError` when there is no library: before
    anything is started.
    """
    listening = _listen(host, port)
    try:
        open_library(settings).close()  # a wrong library is better told now than by every page
        import uvicorn

        from service.app import create_app

        shown = f"[{host}]" if ":" in host else host
        print(f"paperkin serves http://{shown}:{listening.getsockname()[1]}/ (Ctrl-C stops it)", flush=True)  # noqa: T201
        config = uvicorn.Config(
            create_app(settings), log_level="warning", access_log=False, server_header=False
        )
        uvicorn.Server(config).run(sockets=[listening])
    finally:
        listening.close()


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind, protocol)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(128)
    except OSError as error:
        reason = error.strerror or str(error)
        raise SettingsError(
            f"cannot listen on {host} port {port} ({reason}); choose another with --port"
        ) from error
    return listening
