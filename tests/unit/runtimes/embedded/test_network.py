from __future__ import annotations

from pathlib import Path

from gatewayctl.runtimes.embedded.network import download_variables, service_variables
from tests.fakes.projects import project

OWN = "localhost,127.0.0.1,::1"


def test_services_are_never_behind_a_proxy(tmp_path: Path) -> None:
    settings = project(
        tmp_path, "bind: 10.1.2.3\n", environ={"http_proxy": "http://p:1", "no_proxy": "a,[::1]"}
    )

    assert service_variables(settings) == {
        "http_proxy": "http://p:1",
        "NO_PROXY": f"{OWN},10.1.2.3,a",
        "no_proxy": f"{OWN},10.1.2.3,a",
    }


def test_a_proxy_that_ends_litellm_is_for_downloads_only(tmp_path: Path) -> None:
    settings = project(tmp_path, environ={"ALL_PROXY": "socks5://p:1"})

    assert "ALL_PROXY" not in service_variables(settings)
    assert download_variables(settings) == {"ALL_PROXY": "socks5://p:1"}


def test_a_bundle_replaces_the_certificates_of_the_environment(tmp_path: Path) -> None:
    environ = {"SSL_CERT_FILE": "/etc/other.pem", "SSL_CERT_DIR": "/etc/ssl/certs"}
    plain = project(tmp_path, environ=environ)
    settings = project(tmp_path, "ca_bundle: corp.pem\n", environ=environ)

    assert service_variables(plain)["SSL_CERT_FILE"] == "/etc/other.pem"
    found, copy = service_variables(settings), str(tmp_path / "compose/ca-bundle.pem")
    assert (found["SSL_CERT_FILE"], found["REQUESTS_CA_BUNDLE"]) == (copy, copy)
    # Downloads begin before the first files are rendered.
    original = str(tmp_path / "corp.pem")
    downloads = download_variables(settings)
    assert (downloads["SSL_CERT_FILE"], downloads["NODE_EXTRA_CA_CERTS"]) == (original, original)
