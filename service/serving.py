"""Running the web server."""

from __future__ import annotations

import os
import signal
import socket
from contextlib import ExitStack, suppress

from indexer.errors import ServingError
from indexer.library import open_library
from indexer.settings import Settings

_LAST_ANSWERS = 10  # seconds that answers under way get when the server is stopped


def serve(settings: Settings, host: str, port: int) -> None:
    """Serve pages and REST until SIGINT or SIGTERM, then answer what is under way and return.

    Raises `ServingError` when the address cannot be taken and `StoreError` when there is no library: before
    anything is started.
    """
    # An answer is many small products: more threads take longer to wake than they help (28.1 against 24.8 ms), and
    # other answers need the processors. Read by what is not loaded yet: FAISS and torch; numpy is told below.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    listening = _listen(host, port)
    try:
        open_library(settings).close()  # a wrong library is better told now than by every page
        import uvicorn
        from threadpoolctl import threadpool_limits

        from service.app import create_app

        shown = f"[{host}]" if ":" in host else host
        print(f"paperkin serves http://{shown}:{listening.getsockname()[1]}/ (Ctrl-C stops it)", flush=True)  # noqa: T201  # it is told to people
        config = uvicorn.Config(
            create_app(settings),
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=_LAST_ANSWERS,
        )
        # uvicorn repeats the signal that stopped it once it has ended; both are the way to stop, not a failure.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        with threadpool_limits(1, user_api="blas"), suppress(KeyboardInterrupt):
            uvicorn.Server(config).run(sockets=[listening])
    finally:
        listening.close()


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with ExitStack() as failing:
            listening = failing.enter_context(socket.socket(family, kind, protocol))
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(address)
            listening.listen(128)
            failing.pop_all()
    except OSError as error:
        reason = error.strerror or str(error)
        raise ServingError(
            f"cannot listen on {host} port {port} ({reason}); choose another with --port"
        ) from error
    return listening
