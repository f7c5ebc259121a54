"""A project in a folder whose stack is faked, for the commands that run the stack."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zlib import crc32

from typer.testing import CliRunner, Result

from gatewayctl.cli.app import app
from gatewayctl.cli.context import Overrides
from tests.fakes.litellm import FakeLiteLLM
from tests.fakes.phoenix import healthy_stack
from tests.fakes.runtime import FakeRuntime

KEY = "sk-virtual-0123456789abcdefWXYZ"
AT = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)


@dataclass(kw_only=True)
class Project:
    """A project in a folder, its runtime and its services, and gatewayctl run on them."""

    folder: Path
    runtime: FakeRuntime = field(default_factory=lambda: FakeRuntime(data=False))
    litellm: FakeLiteLLM = field(default_factory=healthy_stack)

    def run(self, *words: str, stdin: str | None = None) -> Result:
        overrides = Overrides(runtime=self.runtime, transport=self.litellm.transport())
        argv = ["-C", str(self._given()), *words]
        return CliRunner().invoke(app, argv, obj=overrides, input=stdin)

    def _given(self) -> Path:
        """The folder as a user gives it; on macOS by a link: /tmp is one to /private/tmp."""
        if sys.platform != "darwin":
            return self.folder
        link = self.folder.parent.with_name(f"tmp-{crc32(self.folder.parent.name.encode())}")
        if not link.is_symlink():
            link.symlink_to(self.folder.parent)
        return link / self.folder.name

    def secrets(self) -> dict[str, str]:
        lines = (self.folder / ".env").read_text().splitlines()
        pairs = (line.partition("=") for line in lines if "=" in line and line[0] != "#")
        return {name: value for name, _, value in pairs}


def master_key_of(project: Project) -> str:
    """Secrets are generated once: LiteLLM has to know the one that was."""
    project.run("init")
    return project.secrets()["LITELLM_MASTER_KEY"]


def document(result: Result) -> dict[str, Any]:
    """Stdout, which is exactly one JSON document."""
    found: dict[str, Any] = json.loads(result.stdout)
    assert found["schema"] == "gatewayctl/1"
    assert result.stdout == json.dumps(found, ensure_ascii=False) + "\n"
    return found
