"""Where PostgreSQL listens, which is not where the gateway does, and who else uses the ports.

Owns the addresses on which ports are looked up. Must not start anything.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping

from gatewayctl.runtimes.ports import Listener, find_listeners
from gatewayctl.settings.model import LOOPBACK, Settings


def database_host(settings: Settings) -> str:
    """Where PostgreSQL listens and its clients connect: always loopback.

    The pg_hba.conf of initdb refuses every other address, so a gateway that listens on one of the
    LAN still has its database on loopback.
    """
    host = settings.connect_host
    return host if ipaddress.ip_address(host).is_loopback else LOOPBACK


def database_address(settings: Settings, port: int) -> str:
    """The same with a port, as a part of a URL: IPv6 in brackets."""
    host = database_host(settings)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def find_used_ports(
    settings: Settings, needed: Mapping[int, tuple[str, str]]
) -> Mapping[int, Listener]:
    """Who listens on the ports that our services need, each looked up on its own address.

    ``needed`` is what `services.needed_ports` returns.
    """
    database = {port for port, (service, _) in needed.items() if service == "postgres"}
    return {
        **find_listeners(settings.bind, needed.keys() - database),
        **find_listeners(database_host(settings), database),
    }
