"""Serving: one process per data directory, a port that opens when everything behind it is ready."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable

from django.conf import settings
from django.utils.module_loading import import_string

from sessions_app.runtime.data_lock import serving_lock
from sessions_app.runtime.drain_server import DrainServer
from sessions_app.runtime.exit_codes import ExitCode
from sessions_app.runtime.open_files import open_files_allow


def serve(*, host: str, port: int, print_line: Callable[[str], None]) -> int:
    """Serve until a signal drains the server.

    Args:
        host, port: where to listen; port 0 takes a free one.
        print_line: told that the server is ready, once everything is and the port is open.

    Returns:
        An `ExitCode`: OK after a drain, PORT_BUSY when the address cannot be listened on, FAILED when it could not start.

    Raises:
        DataDirBusyError: another process serves this data directory.
    """
    open_files_allow()
    with serving_lock(settings.DATA_DIR, host=host, port=port):
        try:
            listener = _bound(host, port)
        except OSError as error:
            words = f"Cannot listen on {host} port {port}: {error.strerror or error}. Choose another with --port (make run PORT=...)."
            print(words, file=sys.stderr, flush=True)  # noqa: T201 - the operator's terminal
            return ExitCode.PORT_BUSY
        bound_host, bound_port = listener.getsockname()[:2]
        ready = f"Holdfast {settings.VERSION} is ready on {bound_host} port {bound_port}. Ctrl-C stops it."
        application = import_string(settings.ASGI_APPLICATION)
        server = DrainServer(application, listener=listener, on_ready=lambda: print_line(ready))
        server.run()
        return server.exit_code


def _bound(host: str, port: int) -> socket.socket:
    """A bound socket that nobody can connect to yet.

    Raises:
        OSError: the address is in use, or is none of this machine's.
    """
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError:
        listener.close()
        raise
    return listener
