from __future__ import annotations

import pytest

from gatewayctl.operations.diagnosis.advisories import (
    ADVISORIES,
    find_advisories,
    is_moving_tag,
    parse_version,
)


def ids(version: str, *, image: bool = True) -> set[str]:
    return {advisory.id for advisory in find_advisories(version, image=image)}


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("1.83.7", (1, 83, 7)),
        ("v1.108.11", (1, 108, 11)),
        ("1.83.14-stable", (1, 83, 14)),
        ("ghcr.io/berriai/litellm:v1.108.11", (1, 108, 11)),
        ("ghcr.io/berriai/litellm:v1.84.0@sha256:" + "a" * 64, (1, 84, 0)),
        ("127.0.0.1:5000/litellm:v1.84.0", (1, 84, 0)),
        ("litellm:main-latest", None),
        ("unknown", None),
        ("", None),
    ],
)
def test_versions_are_found_in_tags(text: str, version: tuple[int, ...] | None) -> None:
    assert parse_version(text) == version


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


@pytest.mark.parametrize("version", ["1.106.2", "v1.108.11", "1.109.1", "unknown"])
def test_current_versions_have_no_advisories(version: str) -> None:
    assert ids(version) == ids(version, image=False) == set()


def test_every_advisory_has_a_source_and_a_fixed_version() -> None:
    assert [a.id for a in ADVISORIES if not a.source or not (a.versions or a.fixed_in)] == []


@pytest.mark.parametrize(
    ("image", "moving"),
    [
        ("ghcr.io/berriai/litellm:v1.108.11", False),
        ("ghcr.io/berriai/litellm:1.83.14-stable", False),
        ("ghcr.io/berriai/litellm:main-stable", True),
        ("ghcr.io/berriai/litellm:lts", True),
        ("ghcr.io/berriai/litellm", True),
        ("127.0.0.1:5000/litellm", True),
        ("ghcr.io/berriai/litellm@sha256:" + "a" * 64, False),
        ("arizephoenix/phoenix:version-20.26.1", False),
    ],
)
def test_a_tag_without_a_version_moves(image: str, moving: bool) -> None:
    assert is_moving_tag(image) is moving
