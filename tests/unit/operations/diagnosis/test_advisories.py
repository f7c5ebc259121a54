from __future__ import annotations

import re
from pathlib import Path

import pytest

from gatewayctl.errors import ReleaseMalicious, UsageProblem
from gatewayctl.operations.diagnosis.advisories import (
    find_advisories,
    require_not_malicious,
)
from gatewayctl.operations.diagnosis.advisory_table import ADVISORIES, Advisory
from gatewayctl.settings.load import load_settings
from gatewayctl.settings.model import Settings

BAD = "LiteLLM-48117"


def ids(version: str, *, image: bool = True) -> set[str]:
    return {advisory.id for advisory in find_advisories(version, image=image)}


def test_a_vulnerability_ends_with_the_version_that_fixes_it() -> None:
    assert "CVE-2026-42208" in ids("1.81.16")
    assert "CVE-2026-42208" in ids("1.83.6")
    assert "CVE-2026-42208" not in ids("1.83.7")
    assert "CVE-2026-42208" not in ids("1.81.15")
    assert "CVE-2026-49468" in ids("v1.83.99")


def test_numbers_are_compared_as_numbers() -> None:
    assert "CVE-2026-40217" in ids("1.83.9")
    assert "CVE-2026-40217" not in ids("1.83.10")


def test_a_replaced_package_does_not_affect_the_image() -> None:
    assert "MAL-2026-2144" in ids("1.82.7", image=False)
    assert "MAL-2026-2144" not in ids("1.82.7", image=True)


@pytest.mark.parametrize("version", ["1.106.2", "v1.108.14", "1.109.1", "unknown"])
def test_current_versions_have_no_advisories(version: str) -> None:
    assert ids(version) == ids(version, image=False) == set()


def test_every_advisory_has_a_source_and_a_fixed_version() -> None:
    assert [a.id for a in ADVISORIES if not a.source or not (a.versions or a.fixed_in)] == []
    assert len({a.id for a in ADVISORIES}) == len(ADVISORIES)


def test_ids_can_be_typed_on_a_command_line() -> None:
    assert [a.id for a in ADVISORIES if not re.fullmatch(r"[A-Za-z0-9-]+", a.id)] == []


def test_a_malicious_release_affects_packages_and_images() -> None:
    assert ids("1.107.0", image=False) == ids("ghcr.io/berriai/litellm:v1.107.0") == {BAD}
    assert ids("ghcr.io/berriai/litellm:v1.107.0@sha256:" + "a" * 64) == {BAD}


@pytest.mark.parametrize("version", ["v1.107.0-rc.2", "1.107.0.dev1", "1.107.0-nightly", "1.107.1"])
def test_another_build_of_a_malicious_release_is_not_meant(version: str) -> None:
    assert BAD not in ids(version)


def test_each_release_line_has_its_own_fixed_version() -> None:
    key = "CVE-2026-114612"
    affected = {v for v in ("1.90.9", "1.91.0", "1.100.3", "1.100.4", "1.102.1") if key in ids(v)}

    assert affected == {"1.91.0", "1.100.3", "1.102.1"}
    assert key in ids("1.99.9")  # a line without a fix
    assert key not in ids("1.104.0")


def test_an_image_is_recognized_by_its_digest() -> None:
    digest = "sha256:" + "b" * 64
    bad = Advisory(
        id="X",
        finding="litellm_malicious",
        summary="",
        source="",
        digests=(digest,),
        versions=("0.0.1",),
    )

    assert find_advisories(f"mirror/litellm@{digest}", image=True, table=(bad,)) == (bad,)
    assert find_advisories("mirror/litellm@sha256:" + "c" * 64, image=True, table=(bad,)) == ()


def test_a_malicious_image_is_refused_with_the_place_of_its_setting(tmp_path: Path) -> None:
    settings = bad_settings(tmp_path)

    with pytest.raises(ReleaseMalicious, match=r"images\.litellm \(gateway\.yaml line 1") as caught:
        require_not_malicious(settings, "docker")
    assert BAD in caught.value.message
    require_not_malicious(settings, "docker", [BAD])
    require_not_malicious(settings, "embedded")


def test_the_id_of_an_accepted_risk_must_exist(tmp_path: Path) -> None:
    with pytest.raises(UsageProblem, match="Invalid --accept-risk 'CVE-1'"):
        require_not_malicious(bad_settings(tmp_path), "embedded", ["CVE-1"])


def bad_settings(folder: Path) -> Settings:
    text = "images: {litellm: 'ghcr.io/berriai/litellm:v1.107.0'}\n"
    (folder / "gateway.yaml").write_text(text, encoding="utf-8")
    return load_settings(folder, environ={})
