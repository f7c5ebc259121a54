"""How this machine reaches the internet: proxies, certificates, and mirrors of public registries.

Owns the names of the usual variables, and which values LiteLLM can use: its HTTP library (httpx)
ends the program at the start over any other. Must not know which services there are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final
from urllib.parse import SplitResult, urlsplit

if TYPE_CHECKING:
    from gatewayctl.settings.model import Secret

PROXIES: Final = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
NO_PROXY: Final = "NO_PROXY"
PROXY_VARIABLES: Final = tuple(name for upper in PROXIES for name in (upper, upper.lower()))
"""Programs read some in upper case, some in lower case, and most in both."""
CERTIFICATES: Final = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
"""LiteLLM's calls read the first; boto3, requests and aiohttp the others."""
VARIABLES: Final = (
    *PROXY_VARIABLES, NO_PROXY, NO_PROXY.lower(), *CERTIFICATES, "NODE_EXTRA_CA_CERTS"
)  # fmt: skip
_GITHUB: Final = "ghcr.io"
_PUBLIC_REGISTRIES: Final = frozenset({"docker.io", "index.docker.io", _GITHUB})
LOOPBACK_HOSTS: Final = ("localhost", "127.0.0.1", "::1")


def with_scheme(address: str) -> str:
    """The address as a URL: ``proxy:3128`` means ``http://proxy:3128``."""
    return address if "://" in address else f"http://{address}"


def explain_unusable(address: str) -> str:
    """Why LiteLLM cannot use a proxy, as the end of a sentence; empty if it can."""
    url = _parse(address)
    if url is None:
        return "is not the address of a proxy, such as http://proxy.example.com:3128"
    if url.scheme not in {"http", "https"}:
        return f"is a proxy of the kind {url.scheme}, and LiteLLM supports only http and https"
    return ""


def is_loopback(address: str) -> bool:
    """True for a proxy that only this machine reaches, and no container."""
    url = _parse(address)
    host = "" if url is None else url.hostname or ""
    return host in LOOPBACK_HOSTS or host.startswith("127.")


def select_usable(values: Mapping[str, Secret]) -> dict[str, str]:
    """The proxies that LiteLLM can use, by variable; none if ``NO_PROXY`` is ``*``."""
    if "*" in hosts_without_proxy(values).split(","):
        return {}
    found = {name: secret.reveal().strip() for name, secret in values.items()}
    return {
        name: address
        for name, address in found.items()
        if name.upper() in PROXIES and not explain_unusable(address)
    }


def find_proxy(values: Mapping[str, Secret], url: str) -> tuple[str, str] | None:
    """The variable and the address of the proxy for a URL, as Python's programs choose it."""
    # Not in the type stubs, and what LiteLLM itself asks (aiohttp_transport.py).
    from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]

    usable, target = select_usable(values), _parse(url)
    if target is None:
        return None
    hosts = join_no_proxy(*LOOPBACK_HOSTS, hosts_without_proxy(values))
    if proxy_bypass_environment(target.hostname or "", {"no": hosts}):
        return None
    names = (f"{target.scheme}_proxy", "all_proxy")
    both = (form for name in names for form in (name, name.upper()))
    return next(((name, usable[name]) for name in both if name in usable), None)


def hosts_without_proxy(values: Mapping[str, Secret]) -> str:
    """The hosts that the operator excludes, in either case of the variable."""
    return join_no_proxy(
        *(secret.reveal() for name, secret in values.items() if name.upper() == NO_PROXY)
    )


def join_no_proxy(*lists: str) -> str:
    """Join lists of hosts that need no proxy, each host once; ``*`` is every host."""
    entries = ",".join(lists).split(",")
    return ",".join(dict.fromkeys(host for entry in entries if (host := _host(entry))))


def at_registry(image: str, registry: str | None) -> str:
    """The name at a mirror of an image of Docker Hub or ghcr.io; any other name is unchanged."""
    if not registry or image.startswith(f"{registry}/"):
        return image
    first, slash, rest = image.partition("/")
    has_host = bool(slash) and is_host(first)
    if has_host and first not in _PUBLIC_REGISTRIES:
        return image
    path = rest if has_host else image
    # Docker Hub's own images have this folder in every registry that mirrors it.
    folder = "" if "/" in path or first == _GITHUB else "library/"
    return f"{registry}/{folder}{path}"


def is_host(name: str) -> bool:
    """Whether the first part of a name is a host, by Docker's rule."""
    return "." in name or ":" in name or name == "localhost"


def _host(entry: str) -> str:
    """An entry as every program reads it; empty for what httpx cannot read at all."""
    name = entry.strip().removeprefix("[").removesuffix("]")
    network_of_ipv6 = name.count(":") > 1 and "/" in name
    return "" if network_of_ipv6 or not name.isascii() else name


def _parse(address: str) -> SplitResult | None:
    try:
        url = urlsplit(with_scheme(address))
        return url if url.hostname and url.port != 0 else None
    except ValueError:
        return None
