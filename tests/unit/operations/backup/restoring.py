"""A project that was backed up and is restored: real files, a fake stack."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

from gatewayctl.gateway.client import GatewayClient
from gatewayctl.operations.backup.create import backup
from gatewayctl.operations.backup.restore import RestoreOptions, RestoreReport, restore
from gatewayctl.operations.project.snapshot import Project
from gatewayctl.runtimes.base import Progress
from gatewayctl.settings.model import Secret
from tests.fakes.driving import report_of
from tests.fakes.litellm import served, sha256
from tests.fakes.phoenix import healthy_stack
from tests.fakes.projects import MASTER_KEY, project
from tests.fakes.runtime import resolved, up_and_running
from tests.unit.operations.backup.test_credentials import encrypted

SALT = "sk-salt-0123456789abcdef"
KEY = "sk-virtual-0123456789abcdef"
ENV = f"""\
# mine
LITELLM_MASTER_KEY={MASTER_KEY}
LITELLM_SALT_KEY={SALT}
LITELLM_POSTGRES_PASSWORD=password-of-litellm
POSTGRES_PASSWORD=password-of-phoenix
UI_PASSWORD=password-of-the-ui
LITELLM_API_KEY={KEY}
"""
LATER = ENV.replace(KEY, "sk-virtual-later-0123456789").replace(SALT, "sk-salt-later-0123456789")


class World:
    """A project with a backup, and what changed since."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self.folder = folder / "shop"
        self.runtime = up_and_running()
        self.litellm = healthy_stack()
        self.litellm.add(KEY, "litellm-dev")
        self.content = self.runtime.server.databases["litellm"]
        self.content.tokens = [sha256(KEY)]
        self.content.rows["LiteLLM_CredentialsTable"] = 1
        self.content.stored = [encrypted("a provider's key", Secret(SALT))]
        self.file = folder / "a.bak"

    @classmethod
    def create(cls, folder: Path) -> World:
        """A project that was backed up and changed since."""
        world = cls(folder)
        world.back_up()
        world.change()
        return world

    def back_up(self) -> None:
        settings = project(self.folder, "project_name: shop\n", env=ENV)
        report_of(backup(settings, resolved(self.runtime), self.file))

    def change(self) -> None:
        """Change keys, spend and salt key since the backup."""
        (self.folder / ".env").write_text(LATER)
        self.content.rows = {"LiteLLM_VerificationToken": 1, "LiteLLM_SpendLogs": 99}
        self.content.tokens, self.content.stored = [], []
        self.runtime.calls.clear()
        self.before = self.databases

    def load_project(self, gateway: GatewayClient) -> Project:
        settings = project(self.folder)
        return Project(settings=settings, resolved=resolved(self.runtime), gateway=gateway)

    def env(self) -> dict[str, str]:
        lines = (self.folder / ".env").read_text().splitlines()
        return dict(line.split("=", 1) for line in lines if "=" in line and line[0] != "#")

    def restore(self, file: Path | None = None, **options: Any) -> RestoreReport:
        """Run a restore to its end."""
        with served(self.litellm) as gateway:
            return report_of(self.start_restore(gateway, file, **options))

    def start_restore(
        self, gateway: GatewayClient, file: Path | None = None, **options: Any
    ) -> Generator[Progress, None, RestoreReport]:
        """Start a restore that can be interrupted."""
        wanted = RestoreOptions(**{"timeout": 2, **options})
        return restore(file or self.file, wanted, lambda: self.load_project(gateway))

    @property
    def databases(self) -> dict[str, dict[str, int]]:
        return {name: content.rows for name, content in self.runtime.server.databases.items()}


BACKED_UP = {
    "litellm": {
        "LiteLLM_VerificationToken": 2,
        "LiteLLM_SpendLogs": 7,
        "_prisma_migrations": 3,
        "LiteLLM_CredentialsTable": 1,
    },
    "phoenix": {"traces": 4, "spans": 11},
}
