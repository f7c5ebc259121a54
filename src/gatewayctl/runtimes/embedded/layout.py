"""The folders and files of the embedded runtime under ``.gatewayctl/``.

Owns their names, and creates and removes them. Must not know what is in them.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gatewayctl.errors import RuntimeProblem
from gatewayctl.files.folders import READ, WRITE, require_folder

OF_THE_DISK: Final = "lost+found"
"""A folder in the root of a disk, which a link can lead to; it is never ours."""


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

    def is_configured(self, text: str) -> bool:
        """True if that is supervisord's configuration."""
        file = self.supervisor_config
        return file.exists() and file.read_text(encoding="utf-8") == text

    @property
    def fingerprints(self) -> Path:
        return self.run / "fingerprints.json"

    def log(self, service: str) -> Path:
        return self.logs / f"{service}.log"

    def make(self) -> None:
        """Create the folders, private to their owner. Repeatable. Raises FolderUnusable."""
        self.check()
        self.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.state_dir.chmod(0o700)
        for folder in (*self._data, self.logs):
            folder.mkdir(mode=0o700, exist_ok=True)

    def check(self) -> None:
        """Raise FolderUnusable if something else is in the place of a folder."""
        for folder in (self.state_dir, *self._data, self.logs):
            require_folder(folder, access=WRITE)
        # A link to a disk that is not mounted is not a cluster that is missing.
        if os.access(self.postgres_home, READ):
            require_folder(self.postgres_data, access=os.F_OK)

    def remove_data(self) -> None:
        """Remove everything but the logs; a link stays, without what is in its folder.

        That to PostgreSQL's data, too, and the folder that the link is in.
        Raises FolderUnusable before anything is removed, and RuntimeProblem for what cannot be.
        """
        self.check()
        links = [each for each in (self.postgres_data, *self._data) if each.is_symlink()]
        for folder in dict.fromkeys((*links, *self._data)):
            try:
                for path in list(folder.iterdir()) if folder in links else (folder,):
                    _remove(path, links)
            except FileNotFoundError:
                continue
            except OSError as error:
                raise RuntimeProblem(f"Cannot remove {folder}: {error.strerror}.") from error

    @property
    def _data(self) -> tuple[Path, ...]:
        return (self.postgres_home, self.phoenix_home, self.litellm_home, self.run)


def _remove(path: Path, links: Collection[Path]) -> None:
    """Remove a path, but none of these links nor a folder with one in it."""
    if path in links or path.name == OF_THE_DISK:
        return
    if any(link.is_relative_to(path) for link in links):
        for each in list(path.iterdir()):
            _remove(each, links)
    elif path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()
