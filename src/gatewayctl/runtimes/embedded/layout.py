"""The folders and files of the embedded runtime under ``.gatewayctl/``.

Owns their names, and creates and removes them. Must not know what is in them.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from gatewayctl.errors import RuntimeProblem


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The folders and files of one project's embedded stack."""

    state_dir: Path

    @property
    def postgres_home(self) -> Path:
        """Owned by the user that runs PostgreSQL, which is never root."""
        return self.state_dir / "postgres"

    @property
    def postgres_data(self) -> Path:
        return self.postgres_home / "data"

    @property
    def phoenix_home(self) -> Path:
        return self.state_dir / "phoenix"

    @property
    def litellm_home(self) -> Path:
        return self.state_dir / "litellm"

    @property
    def logs(self) -> Path:
        return self.state_dir / "logs"

    @property
    def run(self) -> Path:
        """Socket, pid file and configuration of supervisord, fingerprints of the services."""
        return self.state_dir / "run"

    @property
    def socket(self) -> Path:
        return self.run / "supervisor.sock"

    @property
    def supervisor_pid(self) -> Path:
        return self.run / "supervisord.pid"

    @property
    def supervisor_config(self) -> Path:
        return self.run / "supervisord.conf"

    @property
    def fingerprints(self) -> Path:
        return self.run / "fingerprints.json"

    def log(self, service: str) -> Path:
        return self.logs / f"{service}.log"

    def make(self) -> None:
        """Create the folders, private to their owner. Repeatable."""
        self.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.state_dir.chmod(0o700)
        for folder in (*self._data, self.logs):
            folder.mkdir(mode=0o700, exist_ok=True)

    def remove_data(self) -> None:
        """Remove everything but the logs. Raises RuntimeProblem for what cannot be removed."""
        for folder in self._data:
            try:
                shutil.rmtree(folder)
            except FileNotFoundError:
                continue
            except OSError as error:
                raise RuntimeProblem(f"Cannot remove {folder}: {error.strerror}.") from error

    @property
    def _data(self) -> tuple[Path, ...]:
        return (self.postgres_home, self.phoenix_home, self.litellm_home, self.run)
