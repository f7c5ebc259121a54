"""What a start would do to each service, and why: the fingerprints kept against the current ones.

Owns the comparison and the names of what differs. Must not know how fingerprints are computed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from gatewayctl.runtimes.embedded.fingerprints import Parts
from gatewayctl.runtimes.service_change import ServiceChange

_SALT: Final = "LITELLM_SALT_KEY"


def preview_changes(
    before: Mapping[str, Parts],
    now: Mapping[str, Parts],
    *,
    inherited: Mapping[str, Parts],
    running: Collection[str],
    is_supervisor_outdated: bool,
) -> tuple[ServiceChange, ...]:
    """Compare the fingerprints of what was started with those of the current settings.

    ``inherited`` are those of what supervisord would start now.
    """
    for_all = _find_common_reasons(inherited, now)
    reasons = {name: for_all or _find_differences(before.get(name), now[name]) for name in now}
    if is_supervisor_outdated and (any(reasons.values()) or set(running) != set(now)):
        # start() replaces an outdated supervisord along with other changes, never by itself.
        reasons = dict.fromkeys(now, ("supervisord.conf",))
    return tuple(_change(name, name in running, why) for name, why in reasons.items())


def _change(name: str, running: bool, why: tuple[str, ...]) -> ServiceChange:
    if not running:
        return ServiceChange(service=name, action="start", why=why)
    return ServiceChange(service=name, action="restart" if why else "untouched", why=why)


def _find_common_reasons(
    inherited: Mapping[str, Parts], now: Mapping[str, Parts]
) -> tuple[str, ...]:
    """Name what restarts every service, because supervisord has it in its own environment."""
    found = {name: _find_differences(inherited.get(name), now[name]) for name in now}
    if found["litellm"] == (_SALT,):
        # It changes the hashes of the other services too.
        return (_SALT,)
    return tuple(sorted({part for parts in found.values() for part in parts}))


def _find_differences(before: Parts | None, now: Parts) -> tuple[str, ...]:
    """Name the parts that differ; with a new salt key, which changes every hash, that key alone."""
    if before is None:
        return ("unknown_settings",)
    names = sorted(name for name in {*before, *now} if before.get(name) != now.get(name))
    return (_SALT,) if _SALT in names and _SALT in now else tuple(names)
