"""Which files of the end-to-end tests stay on one worker, and in which order workers take them.

pytest-xdist's own groups do not work with every pytest: the group of a test is read from its name
here, which is all that a scheduler has.
"""

from __future__ import annotations

from pathlib import PurePath

from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

KEYS = frozenset({"keys_life", "keys_faults", "keys_limits"})
"""Files that use the running stack, too, for so long that another worker takes them."""
SHARING = frozenset(
    {
        *("story", "refusals", "traces_in_phoenix_s_page", "example_reasoning_api"),
        *("sdk", "company_proxy", "external", "answers"),
    }
)
"""Files that only use the running stack: one stack serves them all."""
IN_CLUSTER = frozenset({"following", "load", "rollouts", "sizing", "upgrade"})
"""Files in the folder kubernetes that share a stack of two pods."""
LONGEST_FIRST = (
    *("backup", "sharing", "readme", "keys", "contract", "traces"),
    *("external_services", "plan", "doctor", "failures", "adopt"),
    *("load_check", "canaries", "wheel"),
    *("kubernetes/sharing", "kubernetes/contract"),
)
"""So that the workers end together; what is not named comes last."""


def group(path: PurePath | str) -> str:
    """The group of a test file: the file itself, but for those that share a stack."""
    file = PurePath(path)
    name = file.stem.removeprefix("test_")
    if file.parent.name == "kubernetes" and name in IN_CLUSTER:
        return "kubernetes/sharing"
    if file.parent.name != "e2e":
        return f"{file.parent.name}/{name}"
    if name in KEYS:
        return "keys"
    return "sharing" if name in SHARING else name


def turn(path: PurePath | str) -> int:
    """When a file's turn is, among the others."""
    name = group(path)
    return LONGEST_FIRST.index(name) if name in LONGEST_FIRST else len(LONGEST_FIRST)


class Together(LoadScopeScheduling):  # type: ignore[misc]
    """Hands out groups, in the order of the tests."""

    def _split_scope(self, nodeid: str) -> str:
        return group(nodeid.partition("::")[0])
