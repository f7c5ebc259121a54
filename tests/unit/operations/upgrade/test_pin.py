from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

import pytest

from gatewayctl.errors import DigestUnknown, RuntimeUnavailable, SettingsProblem
from gatewayctl.operations.state.audit import read_audit
from gatewayctl.operations.upgrade.pin import pin_images
from gatewayctl.output.upgrade import render_pin
from gatewayctl.runtimes.base import Progress
from gatewayctl.runtimes.image_digests import ImageDigest, SignatureCheck
from gatewayctl.runtimes.registry import ResolvedRuntime
from gatewayctl.settings.model import Settings
from tests.fakes.driving import report_of
from tests.fakes.projects import project
from tests.fakes.runtime import FakeRuntime

DIGEST = "@sha256:" + "a" * 64
UNCHECKED = SignatureCheck(verified=False, said="cosign is not installed")


@dataclass(kw_only=True)
class RuntimeWithDigests(FakeRuntime):
    """Has the images of the settings, each with a digest."""

    settings: Settings
    failing: Exception | None = None

    def resolve_digests(self) -> Generator[Progress, None, tuple[ImageDigest, ...]]:
        yield Progress(subject="postgres:16", state="working")
        if self.failing is not None:
            raise self.failing
        names = {name: getattr(self.settings.images, name) for name in ("litellm", "postgres")}
        return tuple(
            ImageDigest(
                name=name,
                image=image,
                pinned=image if "@" in image else f"{image}{DIGEST}",
                signature=UNCHECKED,
            )
            for name, image in names.items()
        )


def resolved(settings: Settings, failing: Exception | None = None) -> ResolvedRuntime:
    runtime = RuntimeWithDigests(settings=settings, failing=failing)
    return ResolvedRuntime(name="docker", why="chosen", runtime=runtime)


def test_digests_are_written_and_every_other_byte_stays(tmp_path: Path) -> None:
    text = (
        "# mine\nimages:  # a mirror\n  litellm: 'mirror/litellm:v1'  # LTS\nprofile: development\n"
    )
    settings = project(tmp_path, text)

    report = report_of(pin_images(settings, resolved(settings)))

    after = (tmp_path / "gateway.yaml").read_text()
    assert after == text.replace("'mirror/litellm:v1'", f"'mirror/litellm:v1{DIGEST}'").replace(
        "  litellm", f"  postgres: postgres:16{DIGEST}\n  litellm"
    )
    assert (report.changed, [image.setting for image in report.images]) == (
        True,
        ["images.litellm", "images.postgres"],
    )
    assert read_audit(settings.state_dir).entries[-1].verb == "images pin"


def test_a_second_run_changes_nothing(tmp_path: Path) -> None:
    settings = project(tmp_path, "")
    report_of(pin_images(settings, resolved(settings)))
    before = (tmp_path / "gateway.yaml").read_text()
    settings = project(tmp_path)

    report = report_of(pin_images(settings, resolved(settings)))

    assert (report.changed, (tmp_path / "gateway.yaml").read_text()) == (False, before)
    assert list(render_pin(report))[-1] == "Nothing to do: every image has a digest."


def test_an_image_that_env_file_sets_is_pinned_there(tmp_path: Path) -> None:
    settings = project(tmp_path, env="POSTGRES_IMAGE=postgres:16.9\n")

    report = report_of(pin_images(settings, resolved(settings)))

    assert [image.file for image in report.images] == ["gateway.yaml", ".env"]
    assert f"POSTGRES_IMAGE=postgres:16.9{DIGEST}" in (tmp_path / ".env").read_text()
    assert "postgres" not in (tmp_path / "gateway.yaml").read_text()


def test_nothing_is_written_if_a_setting_cannot_be_changed(tmp_path: Path) -> None:
    settings = project(tmp_path, environ={"POSTGRES_IMAGE": "postgres:15"})

    with pytest.raises(SettingsProblem, match=r"sets images\.postgres and overrides"):
        report_of(pin_images(settings, resolved(settings)))

    assert not (tmp_path / "gateway.yaml").exists()


def test_nothing_is_written_if_one_digest_is_unknown(tmp_path: Path) -> None:
    settings = project(tmp_path)

    with pytest.raises(DigestUnknown):
        report_of(pin_images(settings, resolved(settings, DigestUnknown("x"))))

    assert not (tmp_path / "gateway.yaml").exists()


def test_a_runtime_without_images_has_nothing_to_pin(tmp_path: Path) -> None:
    embedded = ResolvedRuntime(name="embedded", why="no engine answers", runtime=FakeRuntime())

    with pytest.raises(RuntimeUnavailable, match=r"uses no images.*because no engine answers"):
        report_of(pin_images(project(tmp_path), embedded))


def test_the_signature_of_litellm_is_shown(tmp_path: Path) -> None:
    settings = project(tmp_path)

    lines = [str(line) for line in render_pin(report_of(pin_images(settings, resolved(settings))))]

    assert lines[1] == "  signature not checked: cosign is not installed"
    assert lines[-1] == "Apply it: `gatewayctl up`"
