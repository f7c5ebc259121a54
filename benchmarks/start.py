"""A warm `gatewayctl up` of three services against LiteLLM alone, started as its docs say.

By hand means: the same locked packages in a virtual environment of its own, `prisma generate`,
`litellm --config`, the Prisma CLI on PATH. Database server, schema and query engine are there
already, and nothing is downloaded, which favours the other side.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

from uv import find_uv_bin

from benchmarks.stack import gatewayctl, project, secrets
from gatewayctl.runtimes.embedded.environment import LOCKS, locate
from gatewayctl.runtimes.embedded.layout import Layout
from gatewayctl.runtimes.embedded.supervisor import Supervisor


def measure(rounds: int = 3) -> tuple[list[float], list[float]]:
    """Both in turn, each from nothing running to ready."""
    ours, other = [], []
    with project() as (folder, ports), tempfile.TemporaryDirectory() as by_hand:
        gatewayctl(folder, "up")
        venv = _install(Path(by_hand))
        # Once uncounted, so that every module is compiled.
        _by_hand(venv, folder, ports)
        for _ in range(rounds):
            gatewayctl(folder, "down")
            ours.append(gatewayctl(folder, "up"))
            other.append(_by_hand(venv, folder, ports))
    return ours, other


def _install(folder: Path) -> Path:
    """LiteLLM as its docs install it, from the same lock."""
    venv, uv = folder / "venv", find_uv_bin()
    python = str(venv / "bin/python")
    make = [uv, "venv", "-q", str(venv), "--python", str(locate().python("litellm"))]
    # Copies: the generator writes into files that would be hard links to uv's cache.
    fill = [uv, "pip", "install", "-q", "--link-mode=copy", "--python", python]
    fill += ["--require-hashes", "-r", str(LOCKS / "litellm.txt")]
    for argv in (make, fill):
        subprocess.run(argv, check=True)
    schema = next(venv.glob("lib/*/site-packages/litellm/proxy/schema.prisma"))
    subprocess.run(
        [python, "-m", "prisma", "generate", "--schema", str(schema)],
        env=_engine() | {"PATH": _path(venv)},
        check=True,
        capture_output=True,
    )
    return venv


def _engine() -> dict[str, str]:
    """The query engine of the embedded runtime: the native one cannot always be had."""
    environment = locate()
    return {
        "PRISMA_BINARY_CACHE_DIR": str(environment.prisma),
        "PRISMA_QUERY_ENGINE_BINARY": str(environment.query_engine),
        "PRISMA_QUERY_ENGINE_LIBRARY": str(environment.query_engine),
        "PRISMA_SCHEMA_ENGINE_BINARY": str(environment.query_engine),
        "CHECKPOINT_DISABLE": "1",
        "GATEWAYCTL_NODE": str(environment.node),
    }


def _path(venv: Path) -> str:
    """With the real Prisma CLI, as an installation by hand has it."""
    environment = locate()
    folders = (environment.node_modules / ".bin", environment.node.parent, venv / "bin")
    return os.pathsep.join((*map(str, folders), os.defpath))


def _by_hand(venv: Path, folder: Path, ports: dict[str, int]) -> float:
    """LiteLLM alone beside the running database; nothing else competes."""
    supervisor = Supervisor(Layout(state_dir=folder / ".gatewayctl"))
    for service in ("litellm", "phoenix"):
        supervisor.stop(service)
    values = secrets(folder)
    place = f"127.0.0.1:{ports['postgres_litellm']}/litellm"
    env = {
        **{name: os.environ[name] for name in ("HOME", "LANG") if name in os.environ},
        **values,
        **_engine(),
        "DATABASE_URL": f"postgresql://litellm_user:{values['LITELLM_POSTGRES_PASSWORD']}@{place}",
        "DISABLE_SCHEMA_UPDATE": "true",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "PATH": _path(venv),
    }
    config = str(folder / "compose/litellm_config.yaml")
    argv = [str(venv / "bin/litellm"), "--config", config, "--port", str(ports["litellm"])]
    began = time.perf_counter()
    process = subprocess.Popen(
        argv, env=env, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        while not _ready(ports["litellm"]):
            if process.poll() is not None:
                raise RuntimeError("litellm started by hand ended")
            time.sleep(0.1)
        return time.perf_counter() - began
    finally:
        process.terminate()
        process.wait()


def _ready(port: int) -> bool:
    url = f"http://127.0.0.1:{port}/health/readiness"
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(json.load(answer).get("db") == "connected")
    except (urllib.error.URLError, OSError, ValueError):
        return False
