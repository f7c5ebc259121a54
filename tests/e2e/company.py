"""A company's network: providers that only its proxy reaches, with a certificate of its own CA."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import trustme

from tests.fakes.forward_proxy import ForwardProxy, proxying
from tests.fakes.upstream import Upstream, serving

if TYPE_CHECKING:
    from tests.e2e.conftest import Project

HOST = "provider.test"
"""Nobody but the proxy resolves it: RFC 6761 reserves the name."""
MODELS = """\
  behind-tls: {model: openai/behind-tls, api_base: 'https://provider.test/v1', api_key_env: none}
  behind-proxy: {model: openai/behind-proxy, api_base: 'http://provider.test/v1', api_key_env: none}
"""


@dataclass(frozen=True, kw_only=True)
class Company:
    """The proxy, the provider with and without TLS, and the certificate of the CA."""

    proxy: ForwardProxy
    secure: Upstream
    plain: Upstream
    ca: bytes

    def surround(self, project: Project, proxy_host: str = "127.0.0.1") -> None:
        """Give a project the models, the CA and the proxy; its gateway.yaml ends with models."""
        (project.folder / "company.pem").write_bytes(self.ca)
        with (project.folder / "gateway.yaml").open("a", encoding="utf-8") as config:
            config.write(f"{MODELS}ca_bundle: company.pem\n")
        address = self.proxy.url(proxy_host)
        with (project.folder / ".env").open("a", encoding="utf-8") as env:
            env.write(f"HTTPS_PROXY={address}\nhttp_proxy={address}\n")

    def calls(self) -> list[str]:
        """What went through the proxy, each once."""
        return sorted(set(self.proxy.seen))


THROUGH_PROXY = ["CONNECT provider.test:443", "POST http://provider.test/v1/chat/completions"]


@contextmanager
def company(*, bind: str = "127.0.0.1") -> Iterator[Company]:
    """Serve all of it until the block ends."""
    ca = trustme.CA()
    certificate = ca.issue_cert(HOST)
    with serving(certificate=certificate) as secure, serving() as plain:
        ports = {f"{HOST}:443": secure, f"{HOST}:80": plain}
        hosts = {place: urlsplit(each.url).port or 0 for place, each in ports.items()}
        with proxying(hosts, bind=bind) as proxy:
            yield Company(proxy=proxy, secure=secure, plain=plain, ca=ca.cert_pem.bytes())
