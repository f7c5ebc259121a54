"""An installed gatewayctl can render: the wheel carries every template."""

from __future__ import annotations

import subprocess
import zipfile
from pathlib import Path

from uv import find_uv_bin

ROOT = Path(__file__).parents[2]


def test_every_template_is_in_the_wheel_at_its_path(tmp_path: Path) -> None:
    build = [find_uv_bin(), "build", "--wheel", "--quiet", "--out-dir", str(tmp_path), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True, timeout=120)
    (wheel,) = tmp_path.glob("*.whl")

    names = set(zipfile.ZipFile(wheel).namelist())

    templates = [path for path in (ROOT / "templates").rglob("*") if path.is_file()]
    assert templates
    for path in templates:
        assert f"gatewayctl/{path.relative_to(ROOT).as_posix()}" in names
