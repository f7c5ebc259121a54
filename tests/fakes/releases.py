"""A runtime whose LiteLLM has releases: images that migrate, crash, or fail their pre-flight."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gatewayctl.errors import ImageMissing
from gatewayctl.rendering.plan import RenderedFile
from gatewayctl.runtimes.base import Progress, Started
from gatewayctl.runtimes.docker.states import version
from gatewayctl.runtimes.image_digests import ImageDigest
from gatewayctl.runtimes.releases import PreflightCheck, Release
from gatewayctl.settings.load import load_settings
from gatewayctl.settings.model import RuntimeName
from tests.fakes.database import FakeServer
from tests.fakes.runtime import FakeRuntime

REPOSITORY = "ghcr.io/berriai/litellm"
OLD, NEW = f"{REPOSITORY}:v1.106.2", f"{REPOSITORY}:v1.108.14"


class ReleasedServer(FakeServer):
    """A server whose applied migrations are numbered by the rows of their table."""

    def answer(self, sql: str, database: str) -> list[str]:
        if "migration_name" in sql:
            count = self.databases[database].rows.get("_prisma_migrations", 0)
            return [f"migration_{number}" for number in range(count)]
        return super().answer(sql, database)


@dataclass(kw_only=True)
class ReleasedRuntime(FakeRuntime):
    """Satisfies ``runtimes.releases.Releases`` too.

    ``image`` is that of LiteLLM's container, None without one. ``migrations`` maps an image to how
    many it applies, ``crashing`` are images that do not stay up, ``refusing`` maps one to the
    output of its failed pre-flight, ``missing`` are in no registry.
    """

    folder: Path
    name: RuntimeName = "docker"
    selectable: bool = True
    image: str | None = OLD
    environment: str = "new"
    migrations: Mapping[str, int] = field(default_factory=lambda: {OLD: 3, NEW: 5})
    crashing: set[str] = field(default_factory=set)
    refusing: dict[str, str] = field(default_factory=dict)
    missing: set[str] = field(default_factory=set)
    server: FakeServer = field(default_factory=ReleasedServer)

    def resolve_digests(self) -> Generator[Progress, None, tuple[ImageDigest, ...]]:
        yield from ()
        return ()

    def start(self, *, timeout: float | None = None) -> Started:
        wanted = self.wanted_release().name
        if self.image not in {None, wanted}:
            self.differs.add("litellm")
        report = yield from super().start(timeout=timeout)
        self.image = wanted
        if wanted in self.crashing:
            self.processes["litellm"] = "failed"
            self.details["litellm"] = "exit code 1"
        else:
            self.details.pop("litellm", None)
            rows = self.server.databases["litellm"].rows
            rows["_prisma_migrations"] = max(
                rows.get("_prisma_migrations", 0), self.migrations.get(wanted, 3)
            )
        return report

    def release(self, name: str) -> Release:
        return Release(name=name, version=version(name))

    def running_release(self) -> Release | None:
        return None if self.image is None else self.release(self.image)

    def wanted_release(self) -> Release:
        if not self.selectable:
            return self.release(self.environment)
        return self.release(load_settings(self.folder, environ={}).images.litellm)

    def fetch_release(self, name: str) -> Generator[Progress, None, None]:
        self._called(f"fetch {name}")
        if name in self.missing:
            raise ImageMissing(f"There is no image {name}: manifest unknown")
        yield Progress(subject=name, state="ready", detail="pulled")

    def run_preflight(
        self, files: Sequence[RenderedFile]
    ) -> Generator[Progress, None, tuple[PreflightCheck, ...]]:
        self._called("run_preflight")
        yield Progress(subject="pre-flight", state="working")
        text = next((each.content for each in files if "compose.yml" in each.path.name), "")
        for image, output in self.refusing.items():
            if image in text:
                return (PreflightCheck(name="configuration", passed=False, said=output),)
        return (PreflightCheck(name="configuration", passed=True, said="config OK"),)
