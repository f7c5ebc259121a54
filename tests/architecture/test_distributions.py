"""What is built has what it needs: the wheel every template, the sdist all that `make` runs."""

from __future__ import annotations

import shutil
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest
from uv import find_uv_bin

from gatewayctl.rendering.plan import TEMPLATES, plan_files
from gatewayctl.settings.model import RuntimeName
from tests.fakes.projects import project

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def templates() -> set[str]:
    """The paths of all templates in the repository, below ``templates/``."""
    folder = ROOT / "templates"
    found = {path.relative_to(folder) for path in folder.rglob("*") if path.is_file()}
    return {path.as_posix() for path in found if "__pycache__" not in path.parts}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist, and the wheel that was built from it."""
    folder = tmp_path_factory.mktemp("dist")
    build = [find_uv_bin(), "build", "--quiet", "--out-dir", str(folder), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True, timeout=120)
    return folder


def test_every_template_is_in_the_wheel_at_its_path(built: Path, templates: set[str]) -> None:
    (wheel,) = built.glob("*.whl")

    names = set(zipfile.ZipFile(wheel).namelist())

    assert {f"gatewayctl/templates/{path}" for path in templates} <= names


def test_an_unpacked_sdist_has_what_make_runs(built: Path) -> None:
    (sdist,) = built.glob("*.tar.gz")

    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}

    assert {"Makefile", "uv.lock", "tools/bootstrap.sh", "benchmarks/__main__.py"} <= names


def test_every_template_is_listed_for_its_runtime(templates: set[str]) -> None:
    assert templates == {
        f"{runtime}/{name}" for runtime in TEMPLATES for name in TEMPLATES[runtime]
    }


@pytest.mark.parametrize("runtime", ["embedded", "docker"])
def test_bytecode_beside_the_templates_is_not_rendered(
    tmp_path: Path, runtime: RuntimeName
) -> None:
    """pip compiles every Python file it installs, templates included."""
    copy = shutil.copytree(ROOT / "templates", tmp_path / "templates")
    for folder in ("docker", "embedded"):
        cache = copy / folder / "__pycache__"
        cache.mkdir(exist_ok=True)
        (cache / "litellm_callbacks.cpython-311.pyc").write_bytes(b"\xa7\r\r\n\xff\xfe")
    settings = project(tmp_path / "shop")

    found = plan_files(settings, runtime=runtime, templates=copy)

    assert found == plan_files(settings, runtime=runtime)
