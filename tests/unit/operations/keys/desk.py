"""A project with one declared key, and the fake LiteLLM that has it."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar, overload

from gatewayctl.env_file.read import read_env_file
from gatewayctl.gateway.client import GatewayClient
from gatewayctl.generators import drain
from gatewayctl.runtimes.base import Progress
from gatewayctl.settings.model import Settings
from tests.fakes.litellm import FakeLiteLLM, served, sha256
from tests.fakes.projects import MASTER_KEY, project

NOW = datetime(2026, 11, 23, tzinfo=UTC)
SECRET = "sk-app-0123456789abcdef"
ONE_KEY = "project_name: desk\nkeys:\n  app: {env: APP_KEY}\n"
OURS = {"created_by": "gatewayctl", "project": "desk", "gatewayctl_env": "APP_KEY"}

Report = TypeVar("Report")


@dataclass(kw_only=True)
class Desk:
    """``run`` loads the settings each time, as every command does."""

    folder: Path
    fake: FakeLiteLLM = field(default_factory=FakeLiteLLM)
    config: str = ONE_KEY
    environ: Mapping[str, str] = field(default_factory=dict)

    def write(self, *lines: str) -> None:
        text = "\n".join([f"LITELLM_MASTER_KEY={MASTER_KEY}", *lines])
        (self.folder / ".env").write_text(f"{text}\n")
        (self.folder / ".env").chmod(0o600)

    def add(self, secret: str = SECRET, alias: str = "app", **more: Any) -> str:
        """Add a key of ours to LiteLLM; ``metadata`` is added to our marks."""
        metadata = {**OURS, **more.pop("metadata", {})}
        return self.fake.add(secret, alias, metadata=metadata, **more)

    def healthy(self, **more: Any) -> str:
        """Put the declared key into .env and LiteLLM."""
        self.write(f"APP_KEY={SECRET}")
        return self.add(**more)

    def stored(self, name: str = "APP_KEY") -> str | None:
        entry = read_env_file(self.folder / ".env").get(name)
        return None if entry is None else entry.value

    def aliases(self) -> list[str | None]:
        return sorted(row["key_alias"] for row in self.fake.keys.values())

    @overload
    def run(
        self,
        verb: Callable[..., Generator[Progress, None, Report]],
        *arguments: Any,
        **options: Any,
    ) -> Report: ...

    @overload
    def run(self, verb: Callable[..., Report], *arguments: Any, **options: Any) -> Report: ...

    def run(self, verb: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        if not (self.folder / ".env").exists():
            self.write()
        settings = project(self.folder, self.config, environ=self.environ)
        with served(self.fake) as gateway:
            return self._call(verb, settings, gateway, *arguments, **options)

    def _call(
        self,
        verb: Callable[..., Any],
        settings: Settings,
        gateway: GatewayClient,
        *arguments: Any,
        **options: Any,
    ) -> Any:
        found = verb(settings, gateway, *arguments, now=lambda: NOW, **options)
        return drain(found) if isinstance(found, Generator) else found

    def assert_whole(self) -> None:
        """Assert that the alias has one live key, and .env holds it."""
        secret = self.stored()
        assert secret is not None
        assert self.aliases() == ["app"]
        assert list(self.fake.keys) == [sha256(secret)]
