"""The script that adapts the generated Prisma client to LiteLLM, on a small imitation of one."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import gatewayctl

SCRIPT = Path(gatewayctl.__file__).parent / "runtimes" / "embedded" / "prisma" / "fit_client.py"

TYPES = """
from . import _types
MetricsFormat = _types.MetricsFormat
class TeamWhereInput(dict): ...
"""
CLIENT = """
from .types import MetricsFormat
class Prisma:
    __slots__ = ("_internal_engine",)
    def __init__(self):
        self._internal_engine = "generated"
"""
TYPE_NAMES = "MetricsFormat = DatasourceOverride = HttpConfig = SortMode = SortOrder = str\n"
USE = """
import sys, prisma.client, prisma.types
client = prisma.client.Prisma()
assert client._Prisma__engine == "generated"
client._Prisma__engine = "wrapped"
assert client._internal_engine == "wrapped"
assert "prisma._all_types" not in sys.modules
assert prisma.types.TeamWhereInput.__name__ == "TeamWhereInput"
assert "prisma._all_types" in sys.modules
"""


@pytest.fixture
def package(tmp_path: Path) -> Path:
    package = tmp_path / "prisma"
    package.mkdir()
    files = {"__init__": "", "_types": TYPE_NAMES, "types": TYPES, "client": CLIENT}
    for name, text in files.items():
        (package / f"{name}.py").write_text(text)
    return package


@pytest.fixture
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("fit_client", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_types_are_loaded_on_demand_and_the_engine_has_its_old_name(
    package: Path, script: ModuleType
) -> None:
    script.fit(package)

    argv = [sys.executable, "-c", USE]
    used = subprocess.run(argv, cwd=package.parent, capture_output=True, text=True, check=False)

    assert (used.returncode, used.stderr) == (0, "")


def test_fitting_twice_changes_nothing(package: Path, script: ModuleType) -> None:
    script.fit(package)
    before = {path.name: path.read_text() for path in package.glob("*.py")}
    script.fit(package)
    assert {path.name: path.read_text() for path in package.glob("*.py")} == before
    assert before["_all_types.py"] == TYPES


def test_a_freshly_generated_client_is_fitted_again(package: Path, script: ModuleType) -> None:
    script.fit(package)
    (package / "types.py").write_text(TYPES + "\nclass New(dict): ...\n")
    (package / "client.py").write_text(CLIENT)
    script.fit(package)
    assert "class New" in (package / "_all_types.py").read_text()
    subprocess.run([sys.executable, "-c", USE], cwd=package.parent, check=True)


def test_without_a_generated_client_fitting_fails_with_a_message(
    tmp_path: Path, script: ModuleType
) -> None:
    with pytest.raises(SystemExit, match="run prisma generate first"):
        script.fit(tmp_path)
