"""Running PostgreSQL as somebody else when we are root: it refuses to run as root.

Project folders and caches of root are usually closed to everybody else (``/root`` is 0700), so
the other user gets one right on the way: to pass through folders, nothing more. The right goes by
Linux capabilities through ``setpriv`` (util-linux, essential on Debian); no folder's mode changes.
"""

from __future__ import annotations

import os
import pwd
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gatewayctl.errors import RuntimeUnavailable

USER: Final = "nobody"
_STATUS: Final = Path("/proc/self/status")
# Bits of linux/capability.h. The first is enough; engines' default set has only the second.
_CAPABILITIES: Final = (("dac_read_search", 2), ("dac_override", 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresUser:
    """Who runs PostgreSQL: ``prefix`` goes before its command line, ``uid`` owns its data."""

    prefix: tuple[str, ...] = ()
    uid: int | None = None
    gid: int | None = None

    def give(self, folder: Path) -> None:
        """Hand a folder over to that user; nothing to do where we run it ourselves."""
        if self.uid is not None and self.gid is not None and folder.stat().st_uid != self.uid:
            os.chown(folder, self.uid, self.gid)


def choose_postgres_user() -> PostgresUser:
    """How to run PostgreSQL here. Raises RuntimeUnavailable where root cannot step down."""
    if os.geteuid() != 0:
        return PostgresUser()
    setpriv = shutil.which("setpriv", path=os.environ.get("PATH", "") + ":/usr/bin:/bin")
    capability = _find_capability(_STATUS.read_text(encoding="ascii") if _STATUS.exists() else "")
    if setpriv is None or capability is None:
        raise RuntimeUnavailable(
            "PostgreSQL does not run as root, and root cannot step down here "
            f"({'setpriv is not installed' if setpriv is None else 'capabilities are missing'}).",
            hint="Run gatewayctl as an ordinary user, or install util-linux.",
        )
    return _drop_privileges(setpriv, capability)


def _drop_privileges(setpriv: str, capability: str) -> PostgresUser:
    user = pwd.getpwnam(USER)
    only = f"-all,+{capability}"
    prefix = (
        setpriv,
        f"--reuid={user.pw_uid}",
        f"--regid={user.pw_gid}",
        "--clear-groups",
        # Without this access(2), which PostgreSQL uses to find itself, ignores capabilities.
        "--securebits=+no_setuid_fixup",
        f"--inh-caps={only}",
        f"--ambient-caps={only}",
        f"--bounding-set={only}",
        "--no-new-privs",
    )
    return PostgresUser(prefix=prefix, uid=user.pw_uid, gid=user.pw_gid)


def _find_capability(status: str) -> str | None:
    """The first usable capability this process has, by name, from /proc/self/status."""
    for line in status.splitlines():
        if line.startswith("CapEff:"):
            held = int(line.split()[1], 16)
            return next((name for name, bit in _CAPABILITIES if held >> bit & 1), None)
    return None
