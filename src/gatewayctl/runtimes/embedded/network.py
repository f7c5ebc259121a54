"""The network variables of the embedded services, and of the programs that install them.

A service reaches the internet through the operator's proxies, and the other services directly. Owns
what each gets. Must not start anything.
"""

from __future__ import annotations

from typing import Final

from gatewayctl import network
from gatewayctl.settings.model import Settings

BUNDLES: Final = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
"""Variables with the file of trusted certificates."""


def service_variables(settings: Settings) -> dict[str, str]:
    """Proxies, certificates, and the hosts without a proxy: the operator's and our own."""
    kept = {*network.VARIABLES}.difference(network.PROXY_VARIABLES)
    found = {name: value.reveal() for name, value in settings.network.items() if name in kept}
    own = (*network.LOOPBACK_HOSTS, settings.connect_host)
    hosts = network.join_no_proxy(*own, network.hosts_without_proxy(settings.network))
    found |= network.select_usable(settings.network)
    found |= {network.NO_PROXY: hosts, network.NO_PROXY.lower(): hosts}
    if settings.ca_bundle is not None:
        found |= dict.fromkeys(BUNDLES, str(settings.rendered_ca_bundle))
    return found


def download_variables(settings: Settings) -> dict[str, str]:
    """What uv and npm need, which support every kind of proxy: the operator's own values."""
    found = {name: value.reveal() for name, value in settings.network.items()}
    if settings.ca_bundle is not None:
        found |= dict.fromkeys((*BUNDLES, "NODE_EXTRA_CA_CERTS"), str(settings.ca_bundle))
    return found
