"""The user that runs PostgreSQL, which refuses to run as root.

Folders of root are usually closed to other users (``/root`` is 0700), so that user gets one
privilege: to pass through folders. ``setpriv`` (util-linux, essential on Debian) grants it as a
Linux capability; no folder changes its mode.
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
# Bits of linux/capability.h. The first is enough; containers have only the second by default.
_CAPABILITIES: Final = (("dac_read_search", 2), ("dac_override", 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresUser:
    """Who runs PostgreSQL: ``prefix`` goes before its command line, ``uid`` owns its data.

    Empty where PostgreSQL runs as the user of gatewayctl.
    """

    prefix: tuple[str, ...] = ()
    uid: int | None = None
    gid: int | None = None

    def own(self, folder: Path) -> None:
        """Make this user the owner of a folder."""
        if self.uid is not None and self.gid is not None and folder.stat().st_uid != self.uid:
            os.chown(folder, self.uid, self.gid)


def choose_postgres_user() -> PostgresUser:
    """Choose who runs PostgreSQL. Raises RuntimeUnavailable where root cannot drop privileges."""
    if os.geteuid() != 0:
        return PostgresUser()
    setpriv = shutil.which("setpriv", path=os.environ.get("PATH", "") + ":/usr/bin:/bin")
    capability = _find_capability(_STATUS.read_text(encoding="ascii") if _STATUS.exists() else "")
    if setpriv is None or capability is None:
        raise RuntimeUnavailable(
            "PostgreSQL does not run as root, and root cannot drop its privileges here "
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
    """Find the first usable capability of this process, by name, in /proc/self/status."""
    for line in status.splitlines():
        if line.startswith("CapEff:"):
            held = int(line.split()[1], 16)
            return next((name for name, bit in _CAPABILITIES if held >> bit & 1), None)
    return None
