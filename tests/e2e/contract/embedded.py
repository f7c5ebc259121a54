"""The contract on the embedded runtime: processes under supervisord."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from gatewayctl.runtimes.embedded.layout import Layout
from gatewayctl.runtimes.embedded.orphans import find_orphans
from tests.e2e.contract.hands import OF_LITELLM, ContractStack


class EmbeddedStack(ContractStack):
    """Processes of this machine."""

    runtime = "embedded"
    services = ("postgres", "litellm", "phoenix")
    needs: ClassVar[Mapping[str, frozenset[str]]] = {
        "postgres": frozenset(),
        "litellm": OF_LITELLM,
        "phoenix": frozenset({"POSTGRES_PASSWORD"}),
    }
    fixtures = ("embedded_environment",)

    @property
    def layout(self) -> Layout:
        return Layout(state_dir=self.project.folder / ".gatewayctl")

    def leftovers(self) -> list[str]:
        return [process.name() for process in find_orphans(self.layout)]

    def shown(self, service: str) -> str:
        main = Path("/proc") / str(self.pids()[service])
        files = (main / "cmdline", main / "environ")
        return "\n".join(file.read_bytes().decode("utf-8", "replace") for file in files)
