"""The JavaScript tests of the query engine, run by Node's test runner."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from gatewayctl.runtimes.embedded.environment import Environment

TESTS = Path(__file__).parents[1] / "node"


def test_the_tests_of_the_query_engine_pass(embedded_environment: Environment) -> None:
    files = sorted(str(path) for path in TESTS.glob("*.test.mjs"))

    done = subprocess.run(
        [str(embedded_environment.node), "--test", *files],
        env={"NODE_PATH": str(embedded_environment.node_modules), "PATH": os.defpath},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout
    assert len(files) >= 6
