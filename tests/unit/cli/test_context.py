from __future__ import annotations

from pathlib import Path

from gatewayctl.cli.context import App
from gatewayctl.runtimes.embedded.runtime import EmbeddedRuntime
from tests.fakes.projects import MASTER_KEY, project


def test_settings_that_are_read_again_reach_the_runtime_and_the_gateway(tmp_path: Path) -> None:
    project(tmp_path, "ports: {litellm: 4000}\n")
    app = App(project_dir=tmp_path, flags={"runtime": "embedded"})
    assert (app.runtime, app.gateway.base_url)[1] == "http://127.0.0.1:4000"

    project(tmp_path, "ports: {litellm: 4001}\n", env=f"LITELLM_MASTER_KEY={MASTER_KEY}\n")
    app.reload_settings()

    assert app.gateway.base_url == "http://127.0.0.1:4001"
    assert isinstance(app.runtime, EmbeddedRuntime)
    assert app.runtime._settings.secrets.master_key is not None
    app.close()
