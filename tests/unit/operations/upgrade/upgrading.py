"""A project on Docker that upgrade and rollback change: real files, a fake stack."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

from gatewayctl.gateway.client import GatewayClient
from gatewayctl.operations.backup.loss import Loss
from gatewayctl.operations.backup.reset import ResetOptions, ResetReport, reset
from gatewayctl.operations.backup.restore import RestoreOptions, RestoreReport, restore
from gatewayctl.operations.project.snapshot import Project
from gatewayctl.operations.upgrade.rollback import RollbackReport, rollback
from gatewayctl.operations.upgrade.run import UpgradeOptions, UpgradeReport, upgrade
from gatewayctl.runtimes.base import Progress
from tests.fakes.litellm import sha256
from tests.fakes.phoenix import healthy_stack
from tests.fakes.projects import MASTER_KEY, project
from tests.fakes.releases import OLD, ReleasedRuntime
from tests.fakes.runtime import SERVICES, resolved

KEY = "sk-virtual-0123456789abcdef"
EVAL = "sk-virtual-fedcba9876543210"
ENV = f"""\
# mine
LITELLM_MASTER_KEY={MASTER_KEY}
LITELLM_SALT_KEY=sk-salt-0123456789abcdef
LITELLM_POSTGRES_PASSWORD=password-of-litellm
POSTGRES_PASSWORD=password-of-phoenix
UI_PASSWORD=password-of-the-ui
LITELLM_API_KEY={KEY}
LITELLM_EVAL_KEY={EVAL}
"""
YAML = f"""\
# mine
project_name: shop
images: # versions
  litellm: {OLD} # pinned
"""


class World:
    """A stack that runs the old release."""

    def __init__(self, folder: Path, yaml: str = YAML) -> None:
        self.folder = folder / "shop"
        project(self.folder, yaml, env=ENV)
        self.runtime = ReleasedRuntime(
            folder=self.folder, processes=dict.fromkeys(SERVICES, "running")
        )
        self.litellm = healthy_stack()
        self.litellm.add(KEY, "litellm-dev")
        self.litellm.add(EVAL, "litellm-eval")
        self.content = self.runtime.server.databases["litellm"]
        self.content.tokens = [sha256(KEY), sha256(EVAL)]

    def load(self, gateway: GatewayClient, **environ: str) -> Project:
        settings = project(self.folder, environ=environ)
        return Project(settings=settings, resolved=resolved(self.runtime), gateway=gateway)

    def upgrade(
        self, gateway: GatewayClient, to: str | None = "1.108.14", **options: Any
    ) -> Generator[Progress, None, UpgradeReport]:
        asked = UpgradeOptions(to=to, timeout=1, **options)
        return upgrade(asked, lambda: self.load(gateway))

    def rollback(
        self, gateway: GatewayClient, *, consented: bool = True, backup: bool = True
    ) -> Generator[Progress, None, RollbackReport]:
        reload = lambda: self.load(gateway)  # noqa: E731
        return rollback(reload, consented=consented, backup=backup, timeout=1)

    def reset(self, gateway: GatewayClient) -> Generator[Progress, None, ResetReport]:
        options, lost = ResetOptions(timeout=1), Loss(keys=None, spend=None)
        settings = self.load(gateway).settings
        return reset(settings, lambda: self.load(gateway), options, lost=lost)

    def restore(
        self, gateway: GatewayClient, file: Path
    ) -> Generator[Progress, None, RestoreReport]:
        return restore(file, RestoreOptions(timeout=1), lambda: self.load(gateway))

    @property
    def yaml(self) -> str:
        return (self.folder / "gateway.yaml").read_text()

    @property
    def backups(self) -> list[Path]:
        return sorted((self.folder / ".gatewayctl/backups").glob("*.gatewayctl-backup"))

    @property
    def rows(self) -> dict[str, int]:
        """Row counts of LiteLLM's current database."""
        return self.runtime.server.databases["litellm"].rows
