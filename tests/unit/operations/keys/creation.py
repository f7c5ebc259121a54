"""Creates the keys of a project; reads .env and the report afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from gatewayctl.env_file.read import read_env_file
from gatewayctl.generators import drain
from gatewayctl.operations.keys.create import KeysCreateReport, ensure_declared_keys
from tests.fakes.litellm import FakeLiteLLM, served
from tests.fakes.projects import MASTER_KEY, project

SECRET = "sk-known-0123456789abcdef"
ONE_KEY = "keys:\n  app: {env: APP_KEY, models: [demo], metadata: {team: search}}\n"
TWO_KEYS = "keys:\n  app: APP_KEY\n  eval: EVAL_KEY\n"
OURS = {"created_by": "gatewayctl"}


def create(
    folder: Path,
    fake: FakeLiteLLM,
    *,
    config: str = ONE_KEY,
    values: str | None = "",
    environ: Mapping[str, str] | None = None,
    fresh: bool = False,
) -> KeysCreateReport:
    """Create the keys of a project with ``values`` in its .env; None keeps the file."""
    env = None if values is None else f"# mine\nLITELLM_MASTER_KEY={MASTER_KEY}\n{values}"
    settings = project(folder, config, env=env, environ=environ)
    with served(fake) as gateway:
        return drain(ensure_declared_keys(settings, gateway, fresh=fresh))


def stored(folder: Path, name: str = "APP_KEY") -> str | None:
    entry = read_env_file(folder / ".env").get(name)
    return None if entry is None else entry.value


def statuses(report: KeysCreateReport) -> dict[str, str]:
    return {key.alias: key.status for key in report.keys}
