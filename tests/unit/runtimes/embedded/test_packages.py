from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from gatewayctl.errors import SettingsInvalid
from gatewayctl.generators import drain
from gatewayctl.runtimes.config_loader.known_packages import require_packages
from gatewayctl.runtimes.embedded import packages
from gatewayctl.runtimes.embedded.environment import Environment, locate
from tests.fakes.projects import project

_CONFIG = """\
litellm:
  model_list: []
  litellm_settings:
    success_callback: [langfuse, mlflow]
    cache_params: {type: redis-semantic}
"""


def test_a_callback_whose_package_is_missing_is_named_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid) as caught:
        require_packages(project(tmp_path, _CONFIG))

    first, second = str(caught.value).splitlines()
    assert first.startswith("gateway.yaml line 4 column 34: mlflow needs the package mlflow")
    assert "embedded: {packages: [mlflow]}" in first
    assert second.startswith("gateway.yaml line 5 column 26: redis-semantic needs")


def test_a_declared_package_is_not_missing(tmp_path: Path) -> None:
    require_packages(
        project(tmp_path, f"{_CONFIG}embedded: {{packages: ['mlflow>=3', RedisVL]}}\n")
    )


@pytest.mark.parametrize("name", ["prometheus-client", "langfuse", "sentry-sdk", "diskcache"])
def test_the_usual_packages_are_in_the_lock(tmp_path: Path, name: str) -> None:
    assert name in packages.available(project(tmp_path))


def test_only_a_lock_that_gatewayctl_wrote_is_removed_with_the_last_entry(tmp_path: Path) -> None:
    settings, lock = project(tmp_path), tmp_path / packages.LOCK_NAME
    environment = Environment(root=tmp_path / "environment")
    for path in environment.required_paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    environment.complete_mark.write_text("{}")
    lock.write_text("mine\n")
    drain(packages.ensure(settings, environment, {}))
    assert lock.exists()

    lock.write_text(
        "# Written by gatewayctl for embedded.packages of gateway.yaml: keep it with that.\n"
    )
    drain(packages.ensure(settings, environment, {}))

    assert not lock.exists()


def test_an_older_environment_keeps_its_packages_until_its_lock_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    settings = project(tmp_path / "p", "embedded: {packages: [lunary]}\n")
    older = Environment(root=locate().root.with_name("older"))
    assert packages.folder_of(settings, older) is None
    lock = settings.project_dir / packages.LOCK_NAME
    lock.write_text("# of the locks of before\nlunary==1.0\n")
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()[:16]
    for environment in (older, locate()):
        (environment.root / "packages" / digest).mkdir(parents=True)

    assert packages.folder_of(settings, older) == older.root / "packages" / digest
    assert packages.folder_of(settings, locate()) is None
    lock.write_text("# another one that is installed nowhere\n")
    assert packages.folder_of(settings, older) is None
