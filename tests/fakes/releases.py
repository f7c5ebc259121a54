"""A runtime whose LiteLLM has releases: images that migrate, crash, or fail their pre-flight."""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
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


@dataclass
class ReleasedServer(FakeServer):
    """A server whose applied migrations are numbered by the rows of their table.

    ``old_spend`` is how many of the spend logs are of 2020, and the others of today; ``deleted``
    are hashes of the keys that were deleted.
    """

    old_spend: int = 0
    deleted: list[str] = field(default_factory=list)

    def answer(self, sql: str, database: str) -> list[str]:
        if "to_char" in sql:
            return [f"{day}|{count}" for day, count in self._spend_days(database).items()]
        if found := re.search(r"\"startTime\" >= '([\d-]+)'", sql):
            days = self._spend_days(database).items()
            return [str(sum(count for day, count in days if day >= found[1]))]
        if 'token from "LiteLLM_DeletedVerificationToken"' in sql:
            return self.deleted
        if "migration_name" in sql:
            count = self.databases[database].rows.get("_prisma_migrations", 0)
            return [f"migration_{number}" for number in range(count)]
        return super().answer(sql, database)

    def _spend_days(self, database: str) -> dict[str, int]:
        count = self.databases[database].rows["LiteLLM_SpendLogs"]
        today = datetime.now(UTC).date().isoformat()
        return {"2020-01-01": self.old_spend, today: count - self.old_spend}


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
    server: ReleasedServer = field(default_factory=ReleasedServer)

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
