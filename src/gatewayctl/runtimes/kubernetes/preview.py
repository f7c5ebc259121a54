"""What a start would change, by the server's own dry run.

Must not change anything.
"""

from __future__ import annotations

from collections.abc import Sequence

from gatewayctl.runtimes.kubernetes.changes import compare
from gatewayctl.runtimes.kubernetes.secrets import make_secrets
from gatewayctl.runtimes.kubernetes.starting import Starter
from gatewayctl.runtimes.service_change import ServiceChange


def preview(starter: Starter, names: Sequence[str]) -> tuple[ServiceChange, ...]:
    """What ``starter`` would do to each of ``names``, in their order."""
    if not starter.has_namespace():
        return tuple(ServiceChange(service=name, action="start") for name in names)
    found = starter.find()
    wanted = starter.dry_run(found, "base", "databases", "services", "apps")
    return compare(wanted, found, starter.read(), make_secrets(starter.settings), names)
