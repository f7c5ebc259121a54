"""tools/official-images.sh, with a registry and an engine that are faked."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCKER = """\
#!/bin/sh
case "$*" in
"version "*) echo "28.5.1 (linux/amd64)" ;;
"compose version"*) echo 2.40.0 ;;
"manifest inspect $UNREACHABLE") echo "no such host" >&2; exit 1 ;;
"manifest inspect "*) ;;
"pull "*) echo "$3" >>"$PULLED" ;;
*Labels*) echo "$LABELS" ;;
*RepoDigests*) for name; do :; done; echo "$name  $name@sha256:0123  2026-11-01" ;;
*) echo "unexpected: $*" >&2; exit 1 ;;
esac
"""
PASSING = "def test_it() -> None: pass\n"
FAILING = "def test_that_fails() -> None: assert 1 == 2\n"


class Script:
    """The script with a test of its own; ``report`` is the text of its report."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "docker").write_text(DOCKER)
        (folder / "docker").chmod(0o755)
        self.environment = {
            "PATH": f"{folder}:{os.environ['PATH']}",
            "HOME": str(folder),
            "REPORT": str(folder / "made" / "report.txt"),
            "PULLED": str(folder / "pulled"),
            "LABELS": "null",
        }

    def run(self, test: str, **environment: str) -> subprocess.CompletedProcess[str]:
        file = self.folder / "test_something.py"
        file.write_text(test)
        return subprocess.run(
            [
                "sh",
                str(ROOT / "tools/official-images.sh"),
                "--rootdir",
                str(self.folder),
                str(file),
            ],
            env=self.environment | environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    @property
    def report(self) -> str:
        return Path(self.environment["REPORT"]).read_text()

    @property
    def pulled(self) -> set[str]:
        return set((self.folder / "pulled").read_text().split())


@pytest.fixture
def script(tmp_path: Path) -> Script:
    return Script(tmp_path)


def test_the_report_names_the_engine_each_digest_and_each_failure(script: Script) -> None:
    done = script.run(PASSING + FAILING)

    assert done.returncode == 1
    assert {"postgres:16", "postgres:18", "redis:7", "python:3.11-slim"} <= script.pulled
    assert "engine   28.5.1 (linux/amd64)" in script.report
    assert "postgres:18  postgres:18@sha256:0123" in script.report
    assert "test_something.py::test_that_fails\n" in script.report
    assert "1 failed, 1 passed" in script.report.splitlines()[-1]
    assert script.report in done.stdout


@pytest.mark.full
def test_if_every_test_passes_so_does_the_script(script: Script) -> None:
    done = script.run(PASSING)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in script.report.splitlines()[-1]


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({"UNREACHABLE": "redis:7"}, "images: not pulled: redis:7\n"),
        ({"LABELS": '{"gatewayctl.stand-in": "x"}'}, "images: not pulled: postgres:16, redis:7"),
    ],
    ids=["no registry", "stand-ins"],
)
def test_without_every_official_image_no_test_runs(
    script: Script, environment: dict[str, str], named: str
) -> None:
    done = script.run(PASSING, **environment)

    assert done.returncode == 1
    assert named in done.stderr
    assert "passed" not in done.stdout
    assert not Path(script.environment["REPORT"]).exists()
