from __future__ import annotations

from pathlib import Path

import pytest

from gatewayctl.errors import BuildFailed, ImageMissing, RegistryUnreachable, RuntimeProblem
from gatewayctl.runtimes.docker.images import (
    Image,
    build_images,
    fetch_images,
    needed_images,
    pull_failure,
)
from gatewayctl.settings.model import Settings
from tests.fakes.docker import FakeDocker
from tests.fakes.driving import driven
from tests.fakes.projects import project

IMAGES = (Image(name="postgres:16", setting="images.postgres"), Image(name="a:1", setting="x"))
LAYERS = [
    "16: Pulling from library/postgres",
    "0123456789ab: Pulling fs layer",
    "ba9876543210: Already exists",
    "0123456789ab: Download complete",
    "0123456789ab: Pull complete",
    "Digest: sha256:0123",
    "Status: Downloaded newer image for postgres:16",
]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return project(tmp_path, 'images: {litellm: "litellm:typo"}\n')


def test_an_image_that_two_services_share_is_needed_once(settings: Settings) -> None:
    services = ("postgres-litellm", "postgres-phoenix", "phoenix", "litellm")

    assert [image.name for image in needed_images(settings, services)] == [
        settings.images.postgres,
        settings.images.phoenix,
        "litellm:typo",
    ]


def test_apps_bring_their_images_unless_they_are_built(tmp_path: Path) -> None:
    apps = "apps:\n  shop: {image: shop:1}\n  built: {build: app}\n"

    found = needed_images(project(tmp_path, apps), ())

    assert found == (Image(name="shop:1", setting="apps.shop.image"),)


def test_only_images_that_are_missing_are_pulled(settings: Settings) -> None:
    docker = FakeDocker(images={"postgres:16"}, says={"pull": LAYERS})

    driven(fetch_images(docker, settings, IMAGES, refresh=False))

    assert docker.calls == ["pull a:1"]


def test_a_refresh_pulls_all(settings: Settings) -> None:
    docker = FakeDocker(images={"postgres:16", "a:1"})

    driven(fetch_images(docker, settings, IMAGES, refresh=True))

    assert docker.calls == ["pull postgres:16", "pull a:1"]


def test_a_pull_reports_its_layers(settings: Settings) -> None:
    docker = FakeDocker(says={"pull": LAYERS})

    seen, _ = driven(fetch_images(docker, settings, IMAGES[:1], refresh=False))

    assert [event.fraction for event in seen] == [None, 0.0, 0.5, 0.5, 1.0, None]
    assert seen[-2].detail == "2 of 2 layers"
    assert (seen[-1].subject, seen[-1].state) == ("postgres:16", "ready")


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ("manifest for x:1 not found: manifest unknown", ImageMissing),
        ("pull access denied for x, repository does not exist or may require login", ImageMissing),
        ("unauthorized: authentication required", ImageMissing),
        ("invalid reference format", ImageMissing),
        ('Get "https://x/v2/": dial tcp: lookup x: no such host', RegistryUnreachable),
        ('Get "https://x/v2/": net/http: TLS handshake timeout', RegistryUnreachable),
        ('Get "https://x/v2/": dial tcp 1.2.3.4:443: i/o timeout', RegistryUnreachable),
        ("proxyconnect tcp: dial tcp 10.0.0.1:3128: connection refused", RegistryUnreachable),
        ('Get "https://x/v2/": Proxy Authentication Required', RegistryUnreachable),
        ('Get "https://x/v2/": x509: certificate signed by unknown authority', RegistryUnreachable),
        ("toomanyrequests: You have reached your pull rate limit", RuntimeProblem),
        ("no space left on device", RuntimeProblem),
    ],
)
def test_a_missing_image_is_distinguished_from_a_missing_network(
    error: str, kind: type[RuntimeProblem], settings: Settings
) -> None:
    docker = FakeDocker(ends={"pull": f"Using default\nError response from daemon: {error}"})
    image = Image(name="litellm:typo", setting="images.litellm")

    with pytest.raises(RuntimeProblem) as failed:
        driven(fetch_images(docker, settings, [image], refresh=False))

    assert type(failed.value) is kind
    assert "litellm:typo" in failed.value.message
    assert error in failed.value.message


def test_a_wrong_image_is_reported_with_where_it_was_set(settings: Settings) -> None:
    found = pull_failure("manifest unknown", Image(name="a", setting="images.litellm"), settings)

    assert "images.litellm, from gateway.yaml line 1" in found.message
    assert "gateway.yaml" in found.hint


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("manifest unknown", "There is no image"),
        ("pull access denied for a, repository does not exist", "The registry does not give"),
        ("x509: certificate signed by unknown authority", "does not trust the registry of a"),
        ("proxyconnect tcp: connection refused", "The Docker engine cannot use its proxy"),
    ],
)
def test_a_pull_that_fails_says_what_is_known_and_no_more(
    reason: str, said: str, settings: Settings
) -> None:
    found = pull_failure(reason, Image(name="a", setting="images.litellm"), settings)

    assert said in found.message


def test_a_build_that_cannot_parse_env_does_not_show_the_line() -> None:
    output = 'failed to read .env: line 3: unexpected character "@" in variable name "A@B=hunter2"'

    with pytest.raises(BuildFailed, match="line 3") as failed:
        driven(build_images(FakeDocker(ends={"build": output}), ["a"]))

    assert "hunter2" not in failed.value.message


def test_each_app_is_built_and_a_failed_build_shows_its_last_lines() -> None:
    good = FakeDocker(says={"build": ["#1 DONE", ""]})
    bad = FakeDocker(ends={"build": "\n".join(f"step {n}" for n in range(40))})

    seen, _ = driven(build_images(good, ["a", "b"]))
    with pytest.raises(BuildFailed) as failed:
        driven(build_images(bad, ["a"]))

    assert good.calls == ["build a", "build b"]
    assert [event.detail for event in seen if event.subject == "a"][1] == "#1 DONE"
    assert failed.value.message.splitlines()[1:] == [f"step {n}" for n in range(20, 40)]
