from __future__ import annotations

from pathlib import Path

import pytest

from gatewayctl.network import at_registry
from gatewayctl.settings.image import (
    explain_invalid,
    explain_unpinned,
    is_moving_tag,
    parse_version,
)
from gatewayctl.settings.model import Images
from tests.fakes.projects import problems, project

DIGEST = "@sha256:" + "a" * 64


@pytest.mark.parametrize(
    "name",
    [
        "postgres:16",
        "ghcr.io/berriai/litellm:v1.108.14",
        "registry.example:5000/a/b__c/d-e.f:1.0_rc-1",
        "localhost:5000/x:1",
        f"postgres{DIGEST}",
        f"postgres:16{DIGEST}",
        f"postgres:latest{DIGEST}",
    ],
)
def test_a_version_or_a_digest_pins_an_image(name: str) -> None:
    assert (explain_invalid(name), explain_unpinned(name)) == ("", "")


@pytest.mark.parametrize("name", ["postgres", "ghcr.io/berriai/litellm", "localhost:5000/x"])
def test_an_image_without_a_version_is_refused(name: str) -> None:
    assert explain_invalid(name) == ""
    assert "must have a version or a digest" in explain_unpinned(name)


@pytest.mark.parametrize("name", ["postgres:latest", "registry.example:5000/a/b:latest"])
def test_latest_is_not_a_version(name: str) -> None:
    assert "changes without notice" in explain_unpinned(name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        " postgres:16",
        "Postgres:16",
        "https://registry/x:1",
        "postgres:",
        "postgres:1 6",
        "postgres@sha256:abc",
        "${IMAGE}:1",
        "a//b:1",
        "x:1\nprivileged: true",
        "x" * 500,
        16,
        None,
        ["postgres:16"],
        True,
    ],
)
def test_anything_else_is_not_an_image(name: object) -> None:
    assert explain_invalid(name).startswith("must be an image")


def test_the_defaults_are_pinned() -> None:
    defaults = Images()

    for name in Images.__dataclass_fields__:
        assert explain_unpinned(getattr(defaults, name)) == ""


def test_images_come_from_the_file_and_the_environment(tmp_path: Path) -> None:
    settings = project(
        tmp_path,
        f"images:\n  postgres: postgres{DIGEST}\n  redis: valkey/valkey:8\n",
        environ={"REDIS_IMAGE": "redis:7.4"},
    )

    assert settings.images == Images(postgres=f"postgres{DIGEST}", redis="redis:7.4")
    assert str(settings.source_of("images.redis")) == "environment variable REDIS_IMAGE"


def test_every_unpinned_image_is_reported_with_its_line_and_the_default(tmp_path: Path) -> None:
    litellm, postgres = problems(
        tmp_path, "images:\n  litellm: ghcr.io/berriai/litellm:latest\n  postgres: postgres\n"
    )

    assert litellm == (
        "gateway.yaml line 2 column 12: images.litellm must have a version or a digest:"
        " 'ghcr.io/berriai/litellm:latest' changes without notice; the default is"
        " ghcr.io/berriai/litellm:v1.108.14"
    )
    assert postgres == (
        "gateway.yaml line 3 column 13: images.postgres must have a version or a digest:"
        " 'postgres' means the latest image; the default is postgres:16"
    )


def test_the_message_about_an_unknown_image_suggests_the_nearest(tmp_path: Path) -> None:
    (found,) = problems(tmp_path, "images: {postgress: 'postgres:16'}\n")

    assert found.endswith("unknown setting 'postgress' in images (did you mean 'postgres'?)")


MIRROR = "registry.example:5000/mirror"


@pytest.mark.parametrize(
    ("image", "mirrored"),
    [
        ("ghcr.io/berriai/litellm:v1.108.14", f"{MIRROR}/berriai/litellm:v1.108.14"),
        ("postgres:16", f"{MIRROR}/library/postgres:16"),
        (f"docker.io/postgres{DIGEST}", f"{MIRROR}/library/postgres{DIGEST}"),
        ("docker.io/litellm/litellm:v1", f"{MIRROR}/litellm/litellm:v1"),
        ("arizephoenix/phoenix:1", f"{MIRROR}/arizephoenix/phoenix:1"),
        # Pinned by `images pin`, or of a registry that is reached anyway.
        (f"{MIRROR}/library/postgres:16{DIGEST}", f"{MIRROR}/library/postgres:16{DIGEST}"),
        ("quay.io/x/y:1", "quay.io/x/y:1"),
        ("localhost/postgres:16", "localhost/postgres:16"),
    ],
)
def test_a_mirror_has_what_is_public_under_its_own_path(image: str, mirrored: str) -> None:
    assert at_registry(image, MIRROR) == mirrored
    assert at_registry(mirrored, MIRROR) == mirrored
    assert at_registry(image, None) == image


def test_every_image_of_the_stack_comes_from_the_mirror(tmp_path: Path) -> None:
    text = f"images: {{registry: {MIRROR}/, phoenix: 'quay.io/a/b:1'}}\napps: {{a: nginx:1}}\n"
    settings = project(tmp_path, text)

    assert settings.images == Images(
        litellm=at_registry(Images().litellm, MIRROR),
        phoenix="quay.io/a/b:1",
        postgres=f"{MIRROR}/library/postgres:16",
        redis=f"{MIRROR}/library/redis:7",
    )
    assert settings.apps[0].image == "nginx:1"


@pytest.mark.parametrize(
    "registry", ["https://registry.example", "mirror", "a b.example", "registry.example/Mirror", 5]
)
def test_what_is_no_registry_is_refused(tmp_path: Path, registry: object) -> None:
    (found,) = problems(tmp_path, f"images:\n  registry: {registry!r}\n")

    assert found.startswith("gateway.yaml line 2 column 13: images.registry must be a registry")


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("1.83.7", (1, 83, 7)),
        ("v1.108.14", (1, 108, 14)),
        ("1.83.14-stable", (1, 83, 14)),
        ("ghcr.io/berriai/litellm:v1.108.14", (1, 108, 14)),
        ("ghcr.io/berriai/litellm:v1.84.0@sha256:" + "a" * 64, (1, 84, 0)),
        ("127.0.0.1:5000/litellm:v1.84.0", (1, 84, 0)),
        ("litellm:main-latest", None),
        ("unknown", None),
        ("", None),
    ],
)
def test_versions_are_found_in_tags(text: str, version: tuple[int, ...] | None) -> None:
    assert parse_version(text) == version


@pytest.mark.parametrize(
    ("image", "moving"),
    [
        ("ghcr.io/berriai/litellm:v1.108.14", False),
        ("ghcr.io/berriai/litellm:1.83.14-stable", False),
        ("ghcr.io/berriai/litellm:v1.82.3-stable", False),
        ("ghcr.io/berriai/litellm:main-v1.82.3-stable", False),
        ("ghcr.io/berriai/litellm:v1.63.2-nightly", False),
        ("ghcr.io/berriai/litellm:main-stable", True),
        ("ghcr.io/berriai/litellm:litellm-dev", True),
        ("ghcr.io/berriai/litellm:lts", True),
        ("ghcr.io/berriai/litellm", True),
        ("127.0.0.1:5000/litellm", True),
        ("ghcr.io/berriai/litellm@sha256:" + "a" * 64, False),
        ("arizephoenix/phoenix:version-20.26.1", False),
    ],
)
def test_a_tag_without_a_version_moves(image: str, moving: bool) -> None:
    assert is_moving_tag(image) is moving
