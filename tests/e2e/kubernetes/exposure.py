"""Where secrets of a project can be read in the cluster, apart from its Secrets."""

from __future__ import annotations

import base64

from tests.e2e.conftest import Project
from tests.e2e.kubernetes.cluster import Cluster

_SHORTEST = 16


def find_exposed(cluster: Cluster, project: Project) -> list[str]:
    """The variables of .env whose values are shown: plain, or as a Secret encodes them.

    Looked at: every object of the namespace but Secrets, with its annotations; the events of the
    whole cluster; what `kubectl describe` prints, of Secrets too; and the rendered files.
    """
    shown = read_everything(cluster, project)
    return [
        name
        for name, value in project.secrets().items()
        if len(value) >= _SHORTEST
        and (value in shown or base64.b64encode(value.encode()).decode() in shown)
    ]


def read_everything(cluster: Cluster, project: Project) -> str:
    """The texts in which secrets are looked for."""
    space = ("--namespace", project.name)
    kinds = cluster.ok("api-resources", "--namespaced", "--verbs=list", "--output=name").split()
    readable = [kind for kind in kinds if not kind.startswith("events")]
    plain = ",".join(kind for kind in readable if kind != "secrets")
    shown = [
        cluster.ok("get", plain, *space, "--output", "yaml"),
        cluster.ok("get", "events", "--all-namespaces", "--output", "yaml"),
        cluster.ok("describe", ",".join(readable), *space),
        cluster.ok("describe", "namespace", project.name),
        cluster.ok("describe", "nodes"),
    ]
    shown += [
        path.read_text(encoding="utf-8")
        for path in (project.folder / "compose").rglob("*")
        if path.is_file()
    ]
    return "".join(shown)
