from __future__ import annotations

from pathlib import Path

import pytest
import trustme

from gatewayctl.errors import CaBundleUnusable
from gatewayctl.rendering.plan import plan_files
from tests.fakes.projects import project

PEM = trustme.CA().cert_pem.bytes().decode()
DAMAGED = "-----BEGIN CERTIFICATE-----\nTUlJ\n-----END CERTIFICATE-----\n"
KEY = "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n"


def bundle(folder: Path, content: str | bytes) -> str:
    """The rendered copy of a file with that content."""
    folder.mkdir(exist_ok=True)
    raw = content if isinstance(content, bytes) else content.encode()
    (folder / "corp.pem").write_bytes(raw)
    files = plan_files(project(folder, "ca_bundle: corp.pem\n"), runtime="embedded")
    return next(file.content for file in files if file.path.name == "ca-bundle.pem")


def test_only_the_certificates_are_copied_never_a_key(tmp_path: Path) -> None:
    found = bundle(tmp_path, f"\ufeffSubject: Größe\n{PEM}\r\n{KEY}{PEM}")

    assert found.count(PEM.strip()) == 2
    assert "PRIVATE" not in found
    assert "c2VjcmV0" not in found
    assert "Größe" not in found


def test_without_the_setting_there_is_no_copy(tmp_path: Path) -> None:
    names = [file.path.name for file in plan_files(project(tmp_path), runtime="docker")]

    assert "ca-bundle.pem" not in names


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("", "contains no certificate in PEM format"),
        (b"\x30\x82\x01\x00", "contains no certificate in PEM format"),
        (KEY, "contains no certificate in PEM format"),
        (f"{PEM}{DAMAGED}", "certificate 2 of 2"),
        ("-----BEGIN CERTIFICATE-----\né\n-----END CERTIFICATE-----\n", "certificate 1 of 1"),
    ],
)  # fmt: skip
def test_what_litellm_would_fail_over_is_refused_with_its_source(
    tmp_path: Path, content: str | bytes, why: str
) -> None:
    with pytest.raises(CaBundleUnusable) as refused:
        bundle(tmp_path, content)

    assert f"ca_bundle (gateway.yaml line 1 column 12): {tmp_path}/corp.pem" in str(refused.value)
    assert why in str(refused.value)


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("~/missing.pem", "No such file"),
        ("/dev/zero", "Not a regular file"),
        ("/", "Is a directory"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path, path: str, why: str) -> None:
    with pytest.raises(CaBundleUnusable, match=f"cannot be read: {why}"):
        plan_files(project(tmp_path, environ={"GATEWAYCTL_CA_BUNDLE": path}))


def test_in_docker_litellm_alone_trusts_the_copy_and_is_recreated_when_it_changes(
    tmp_path: Path,
) -> None:
    compose, digests = "", []
    for certificate in (PEM, trustme.CA().cert_pem.bytes().decode()):
        (tmp_path / "corp.pem").write_text(certificate)
        settings = project(tmp_path, f"ca_bundle: {tmp_path}/corp.pem\n")
        files = plan_files(settings, runtime="docker")
        compose = next(file.content for file in files if file.path.name == "docker-compose.yml")
        digests.append(compose.partition("gatewayctl.config-sha256: ")[2][:64])

    assert compose.count("SSL_CERT_FILE: /app/ca-bundle.pem") == 1
    assert compose.count("REQUESTS_CA_BUNDLE: /app/ca-bundle.pem") == 1
    assert "source: ./ca-bundle.pem" in compose
    assert digests[0] != digests[1]
