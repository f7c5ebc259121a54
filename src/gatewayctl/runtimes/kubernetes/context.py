"""Which cluster and namespace a project is in, and who agreed to it.

Owns `.gatewayctl/kubernetes.json`, the record of the place that the project's stack was started in,
and the rule of consent. kubectl reads the kubeconfig, so KUBECONFIG and its merging are as usual.
Must not know what is applied there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from gatewayctl.errors import ContextChanged, ContextUnknown, KubeconfigInvalid, KubeconfigMissing
from gatewayctl.files.atomic import write_atomically
from gatewayctl.files.json_text import parse_json
from gatewayctl.runtimes.kubernetes.kubectl import Kubectl, Run
from gatewayctl.runtimes.process import run
from gatewayctl.settings.model import Settings

RECORD: Final = "kubernetes.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenContext:
    """A place in a cluster: the context by name, the API server behind it, and the namespace."""

    context: str
    server: str
    namespace: str

    def __str__(self) -> str:
        return f"context {self.context} ({self.server}), namespace {self.namespace}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kubeconfig:
    """The server of each context, and the name of the current one; without credentials."""

    servers: Mapping[str, str]
    current: str | None

    def locate(self, name: str | None, namespace: str) -> ChosenContext:
        """A context by name, None for the current one. Raises ContextUnknown, KubeconfigMissing."""
        chosen = name or self.current
        if chosen is None:
            raise KubeconfigMissing("The kubeconfig has no current context.")
        if not self.servers:
            raise KubeconfigMissing("kubectl has no kubeconfig with a context.")
        if chosen not in self.servers:
            raise ContextUnknown(
                f"The kubeconfig has no context {chosen!r}.",
                hint=f"{ContextUnknown.remedy} It has {', '.join(sorted(self.servers))}.",
            )
        if not (server := self.servers[chosen]):
            raise KubeconfigInvalid(f"The context {chosen!r} has no cluster in the kubeconfig.")
        return ChosenContext(context=chosen, server=server, namespace=namespace)


def read_record(settings: Settings) -> ChosenContext | None:
    """Where the stack of this project was started; None if it never was."""
    try:
        found = parse_json((settings.state_dir / RECORD).read_text(encoding="utf-8"))
        return ChosenContext(
            context=str(found["context"]),
            server=str(found["server"]),
            namespace=str(found["namespace"]),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def read_kubeconfig(run: Run = run) -> Kubeconfig:
    """What kubectl reads from its kubeconfig. Raises KubectlMissing and KubeconfigInvalid."""
    kubectl = Kubectl(context=None, namespace="", run=run)
    found = json.loads(kubectl.call("config", "view", "--output", "json", namespaced=False))
    clusters = {
        each["name"]: str((each.get("cluster") or {}).get("server") or "")
        for each in found.get("clusters") or ()
    }
    servers = {
        each["name"]: clusters.get((each.get("context") or {}).get("cluster", ""), "")
        for each in found.get("contexts") or ()
    }
    return Kubeconfig(servers=servers, current=found.get("current-context") or None)


def choose(settings: Settings, run: Run = run) -> ChosenContext:
    """Where `up` would start: gateway.yaml's context, else the recorded, else the current one."""
    declared, record = settings.kubernetes.context, read_record(settings)
    name = declared or (record.context if record else None)
    return read_kubeconfig(run).locate(name, settings.kubernetes.namespace)


def resolve(settings: Settings, run: Run = run) -> ChosenContext:
    """Where the project is: recorded by the last `up`, else where `up` would start."""
    return read_record(settings) or choose(settings, run)


def kubectl(settings: Settings, run: Run = run) -> Kubectl:
    """kubectl for the project's place."""
    place = resolve(settings, run)
    return Kubectl(context=place.context, namespace=place.namespace, run=run)


def describe_difference(settings: Settings, run: Run = run) -> str | None:
    """How the declared place, or the server behind it, differs from the recorded one."""
    record = read_record(settings)
    if record is None:
        return None
    now = choose(settings, run)
    return None if now == record else f"The project runs in {record}, and `up` would use {now}."


def needs_consent(settings: Settings, place: ChosenContext) -> bool:
    """True unless the user has agreed that this project changes that place.

    A context that gateway.yaml names is agreed, as long as the project was not started elsewhere.
    """
    record = read_record(settings)
    if record is None:
        return settings.kubernetes.context != place.context
    return record != place


def require_same_place(settings: Settings, run: Run = run) -> None:
    """Refuse to change any other place than the one that was agreed. Raises ContextChanged.

    Only `up` may move; it asks.
    """
    place = choose(settings, run)
    if not needs_consent(settings, place):
        return
    record = read_record(settings)
    if record is None:
        raise ContextChanged(
            f"This project was never started in {place}, and gateway.yaml does not name a context.",
            hint="Set kubernetes.context in gateway.yaml, or start the project with "
            "`gatewayctl up`, which asks for consent.",
        )
    raise ContextChanged(f"The project runs in {record}, and would be changed in {place}.")


@contextmanager
def move_to(settings: Settings, place: ChosenContext | None) -> Iterator[None]:
    """Record the agreed place; the old one again if what follows fails, before it changed anything.

    None leaves the record as it is.
    """
    before = read_record(settings)
    if place is None or place == before:
        yield
        return
    _write(settings.state_dir / RECORD, asdict(place))
    try:
        yield
    except BaseException:
        if before is None:
            forget(settings)
        else:
            _write(settings.state_dir / RECORD, asdict(before))
        raise


def forget(settings: Settings) -> None:
    """Delete the record; called after the data of the stack was removed."""
    (settings.state_dir / RECORD).unlink(missing_ok=True)


def _write(file: Path, content: Mapping[str, Any]) -> None:
    write_atomically(file, json.dumps(content, indent=2).encode() + b"\n", mode=0o600)
