"""Starts LiteLLM or Phoenix inside its own Python, which has no gatewayctl to import.

Adds what their own start scripts lack: garbage collection is off while thousands of modules are
imported, which saves about 15 % of the start; every line of output gets a timestamp, which
``gatewayctl logs --since`` needs and uvicorn does not write; and Phoenix's gRPC port is bound to
PHOENIX_HOST.
"""

from __future__ import annotations

import gc
import importlib
import io
import os
import site
import sys
from datetime import datetime, timezone
from typing import Any, Final

# Program name → module and function of its console script.
_PROGRAMS: Final = {
    "litellm": ("litellm.proxy.proxy_cli", "run_server"),
    "phoenix": ("phoenix.server.main", "main"),
}


class TimestampedStream(io.TextIOWrapper):
    """A text stream that writes a timestamp before each line."""

    _at_start = True

    def write(self, text: str) -> int:
        if not isinstance(text, str):
            # Click detects binary streams by writing b"" to them.
            raise TypeError("this is a text stream")
        stamp = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z "  # noqa: UP017
        for line in text.splitlines(keepends=True):
            super().write(stamp + line if self._at_start else line)
            self._at_start = line.endswith("\n")
        return len(text)


def _bind_grpc_where_http_is() -> None:
    """Bind Phoenix's gRPC port to PHOENIX_HOST: Phoenix 20.26 listens on every interface."""
    server: Any = importlib.import_module("grpc.aio._server").Server
    add_port = server.add_insecure_port
    host = os.environ["PHOENIX_HOST"]

    def add_port_there(self: object, address: str) -> int:
        port: int = add_port(self, address.replace("[::]", f"[{host}]" if ":" in host else host))
        return port

    server.add_insecure_port = add_port_there


def main() -> None:
    """Run ``quick_start.py litellm|phoenix [its arguments…]``."""
    service = sys.argv[1]
    module, function = _PROGRAMS[service]
    for name in ("stdout", "stderr"):
        buffer = getattr(sys, name).buffer
        setattr(
            sys,
            name,
            TimestampedStream(buffer, encoding="utf-8", errors="replace", line_buffering=True),
        )
    sys.argv = sys.argv[1:]
    # LiteLLM imports a file from beside its config, a folder for rendered files only.
    sys.dont_write_bytecode = True
    if packages := os.environ.get("GATEWAYCTL_PACKAGES"):
        # Last on the path, with its .pth files: it adds to this Python, and replaces nothing.
        site.addsitedir(packages)
    gc.disable()
    start = getattr(importlib.import_module(module), function)
    if service == "litellm":
        # Its command imports the server late, after garbage collection is back on.
        importlib.import_module("litellm.proxy.proxy_server")
    else:
        _bind_grpc_where_http_is()
    # Imported modules are never freed: the collector can skip them from now on.
    gc.freeze()
    gc.enable()
    sys.exit(start())


if __name__ == "__main__":
    main()
