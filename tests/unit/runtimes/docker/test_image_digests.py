"""Digests of images, and LiteLLM's signature, with a program in the place of cosign."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gatewayctl.errors import DigestUnknown, ProgramTimeout, RegistryUnreachable, SignatureInvalid
from gatewayctl.runtimes.docker import signatures
from gatewayctl.runtimes.docker.images import Image, fetch_images, resolve_digests
from gatewayctl.runtimes.docker.signatures import check_signature
from gatewayctl.settings.model import Settings
from tests.fakes.docker import FakeDocker
from tests.fakes.driving import driven, report_of

DIGEST = "sha256:" + "a" * 64
OFFICIAL = "ghcr.io/berriai/litellm:v1.108.14"
LITELLM = Image(name=OFFICIAL, setting="images.litellm")
POSTGRES = Image(name="postgres:16", setting="images.postgres")
PULLED: dict[str, tuple[str, ...]] = {OFFICIAL: (f"ghcr.io/berriai/litellm@{DIGEST}",)}
MakeCosign = Callable[[str], Path]


@pytest.fixture(autouse=True)
def no_cosign(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")


@pytest.fixture
def cosign(tmp_path: Path) -> MakeCosign:
    """Puts a `cosign` in the PATH that accepts command lines with a text; returns its log."""

    def make(accepts: str) -> Path:
        log, program = tmp_path / "cosign.log", tmp_path / "cosign"
        program.write_text(
            f"""#!/bin/sh\necho "$*" >> {log}\ncase "$*" in *{accepts}*) exit 0;; esac\n"""
            """echo "Error: no matching signatures" >&2; exit 10\n"""
        )
        program.chmod(0o755)
        return log

    return make


def test_the_digest_of_a_local_image_needs_no_registry(settings: Settings) -> None:
    docker = FakeDocker(digests={"postgres:16": ("mirror/x@sha256:1", f"postgres@{DIGEST}")})

    (found,) = report_of(resolve_digests(docker, settings, [POSTGRES]))

    assert (found.name, found.pinned) == ("postgres", f"postgres:16@{DIGEST}")
    assert docker.calls == []


@pytest.mark.parametrize(
    ("name", "listed"),
    [
        ("docker.io/library/postgres:16", "postgres"),
        ("docker.io/arizephoenix/phoenix:version-1", "arizephoenix/phoenix"),
        ("registry.example:5000/x:1", "registry.example:5000/x"),
    ],
)
def test_docker_shortens_the_names_of_its_own_registry(
    name: str, listed: str, settings: Settings
) -> None:
    docker = FakeDocker(digests={name: (f"{listed}@{DIGEST}",)})

    (found,) = report_of(resolve_digests(docker, settings, [Image(name=name, setting="images.x")]))

    assert found.pinned == f"{name}@{DIGEST}"


def test_an_image_that_has_a_digest_keeps_it(settings: Settings) -> None:
    name = f"postgres:16@{DIGEST}"

    (found,) = report_of(
        resolve_digests(FakeDocker(), settings, [Image(name=name, setting="images.postgres")])
    )

    assert found.image == found.pinned == name


def test_an_image_without_a_digest_is_pulled(settings: Settings) -> None:
    docker = FakeDocker(registry={"postgres:16": (f"postgres@{DIGEST}",)})

    (found,) = report_of(resolve_digests(docker, settings, [POSTGRES]))

    assert docker.calls == ["pull postgres:16"]
    assert found.pinned == f"postgres:16@{DIGEST}"


@pytest.mark.parametrize(
    ("output", "why"),
    [("manifest unknown", "does not have it"), ("dial tcp: i/o timeout", "does not answer")],
)
def test_an_image_that_was_built_here_has_no_digest(
    output: str, why: str, settings: Settings
) -> None:
    docker = FakeDocker(images={"postgres:16"}, ends={"pull": output})

    with pytest.raises(DigestUnknown, match=f"built on this machine.* its registry {why}"):
        driven(resolve_digests(docker, settings, [POSTGRES]))


def test_without_cosign_a_signature_is_not_checked_and_that_is_said(settings: Settings) -> None:
    docker = FakeDocker(registry={OFFICIAL: (f"ghcr.io/berriai/litellm@{DIGEST}",)})

    seen, _ = driven(fetch_images(docker, settings, [LITELLM], refresh=False))

    assert seen[-1].detail == "pulled; signature not checked: cosign is not installed"


def test_a_pulled_image_of_litellm_is_verified(settings: Settings, cosign: MakeCosign) -> None:
    log = cosign("certificate-identity")
    docker = FakeDocker(registry={OFFICIAL: (f"ghcr.io/berriai/litellm@{DIGEST}",)})

    seen, _ = driven(fetch_images(docker, settings, [LITELLM], refresh=False))

    assert seen[-1].detail.startswith("pulled; signature verified (keyless")
    assert log.read_text().split()[-1] == f"ghcr.io/berriai/litellm@{DIGEST}"


def test_an_image_with_a_wrong_signature_does_not_stay(
    settings: Settings, cosign: MakeCosign
) -> None:
    cosign("nothing")
    docker = FakeDocker(registry={OFFICIAL: (f"ghcr.io/berriai/litellm@{DIGEST}",)})

    with pytest.raises(SignatureInvalid, match="no matching signatures"):
        driven(fetch_images(docker, settings, [LITELLM], refresh=False))

    assert docker.calls[-1] == f"remove image {OFFICIAL}"


class Interrupted(FakeDocker):
    """Ctrl-C comes after the pull, before its digest is known."""

    def repo_digests(self, name: str) -> tuple[str, ...]:
        raise KeyboardInterrupt


def test_an_image_whose_verification_is_interrupted_does_not_stay(
    settings: Settings, cosign: MakeCosign
) -> None:
    cosign("certificate-identity")
    docker = Interrupted(registry=PULLED)

    with pytest.raises(KeyboardInterrupt):
        driven(fetch_images(docker, settings, [LITELLM], refresh=False))

    assert docker.images == set()


def test_an_image_whose_verification_does_not_end_does_not_stay(
    settings: Settings, cosign: MakeCosign, monkeypatch: pytest.MonkeyPatch
) -> None:
    cosign("certificate-identity").with_name("cosign").write_text("#!/bin/sh\nexec sleep 60\n")
    monkeypatch.setattr(signatures, "_SECONDS", 0.1)
    docker = FakeDocker(registry=PULLED)

    with pytest.raises(ProgramTimeout):
        driven(fetch_images(docker, settings, [LITELLM], refresh=False))

    assert docker.images == set()


def test_a_pull_that_fails_leaves_the_verified_image(
    settings: Settings, cosign: MakeCosign
) -> None:
    cosign("certificate-identity")
    docker = FakeDocker(images={OFFICIAL}, ends={"pull": "dial tcp: i/o timeout"})

    with pytest.raises(RegistryUnreachable):
        driven(fetch_images(docker, settings, [LITELLM], refresh=True))
    seen, _ = driven(fetch_images(docker, settings, [LITELLM], refresh=False))

    assert docker.images == {OFFICIAL}
    assert seen == []


@pytest.mark.parametrize("before", [None, "sha256:the-one-before"])
def test_an_image_of_a_killed_pull_is_verified_before_it_is_started(
    before: str | None, settings: Settings, cosign: MakeCosign
) -> None:
    log = cosign("certificate-identity")
    docker = FakeDocker(images={OFFICIAL}, digests=PULLED)
    signatures.begin_pull(settings.state_dir, OFFICIAL, before)

    seen, _ = driven(fetch_images(docker, settings, [LITELLM], refresh=False))
    again, _ = driven(fetch_images(docker, settings, [LITELLM], refresh=False))

    assert [event.detail.partition(" (")[0] for event in seen] == ["present; signature verified"]
    assert again == []
    assert len(log.read_text().splitlines()) == 1


def test_an_image_of_a_killed_pull_with_a_wrong_signature_does_not_stay(
    settings: Settings, cosign: MakeCosign
) -> None:
    cosign("nothing")
    docker = FakeDocker(images={OFFICIAL}, digests=PULLED)
    signatures.begin_pull(settings.state_dir, OFFICIAL, None)

    with pytest.raises(SignatureInvalid):
        driven(fetch_images(docker, settings, [LITELLM], refresh=False))

    assert docker.images == set()


@pytest.mark.parametrize("garbage", [b"\xff", b"[1]", b"[" * 100_000])
def test_a_damaged_record_of_pulls_is_as_good_as_none(
    garbage: bytes, settings: Settings, cosign: MakeCosign
) -> None:
    cosign("certificate-identity")
    settings.state_dir.mkdir()
    (settings.state_dir / "unverified_images.json").write_bytes(garbage)
    docker = FakeDocker(registry=PULLED)

    driven(fetch_images(docker, settings, [LITELLM], refresh=False))

    assert docker.images == {OFFICIAL}
    assert (settings.state_dir / "unverified_images.json").read_text() == "{}"


@pytest.mark.parametrize(
    ("release", "signers"),
    [("1.111.0", 1), ("1.108.14", 2), ("1.107.0", 2), ("1.106.2", 3)],
)
def test_a_release_is_accepted_with_the_keys_of_its_time_only(
    release: str, signers: int, cosign: MakeCosign
) -> None:
    log = cosign("nothing")

    with pytest.raises(SignatureInvalid):
        check_signature(f"ghcr.io/berriai/litellm:v{release}@{DIGEST}")

    assert len(log.read_text().splitlines()) == signers


def test_an_older_release_is_verified_with_its_key(cosign: MakeCosign) -> None:
    cosign("0112e53")

    found = check_signature(f"ghcr.io/berriai/litellm:v1.106.2@{DIGEST}")

    assert (found.verified, found.said) == (True, "LiteLLM's key 0112e53")


def test_only_official_images_have_a_known_signer(cosign: MakeCosign) -> None:
    log = cosign("nothing")

    found = check_signature(f"mirror.example/litellm:v1.108.14@{DIGEST}")

    assert (found.verified, found.said) == (False, "not an official image of LiteLLM")
    assert not log.exists()
