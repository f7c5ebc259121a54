"""The command lines of kubectl as the cluster in memory understands them."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from typing import Any

Object = dict[str, Any]
_ENDINGS = {"ies": "y", "sses": "ss", "s": ""}
KINDS = {
    kind.lower(): kind
    for kind in (
        *("Namespace", "Deployment", "StatefulSet", "ReplicaSet", "Job", "Pod", "Service"),
        *("ConfigMap", "Secret", "ServiceAccount", "NetworkPolicy", "Ingress", "Event"),
        *("HorizontalPodAutoscaler", "PodDisruptionBudget", "HTTPRoute", "Cluster"),
        *("PersistentVolumeClaim", "ControllerRevision"),
    )
}


def without_connection(argv: Sequence[str]) -> tuple[str, ...]:
    assert argv[0] == "kubectl"
    words, skip = [], False
    for word in argv[1:]:
        if skip or word.startswith("--request-timeout"):
            skip = False
            continue
        skip = word in {"--context", "--namespace", "--kubeconfig"}
        if not skip:
            words.append(word)
    return tuple(words)


def find_options(words: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for word, after in itertools.zip_longest(words, words[1:], fillvalue=""):
        if word.startswith("--"):
            name, equals, value = word[2:].partition("=")
            found[name] = value if equals else after
    return found


def find_positional(words: Sequence[str]) -> list[str]:
    valued = {"--selector", "--field-selector", "--output", "-f", "--container"}
    found = []
    for word, before in zip(words, ("", *words), strict=False):
        if word == "--":
            break
        if not word.startswith("-") and before not in valued:
            found.append(word)
    return found


def kind_of(word: str) -> str:
    name = word.partition(".")[0].lower()
    for ending, singular in _ENDINGS.items():
        if name not in KINDS and name.endswith(ending):
            name = name.removesuffix(ending) + singular
    return KINDS[name]


def plural_of(kind: str) -> str:
    return f"{kind[:-1]}ies" if kind.endswith("y") else f"{kind}{'es' if kind[-1] == 's' else 's'}"


def selects(selector: str | None, item: Object) -> bool:
    labels = item["metadata"].get("labels") or {}
    for part in re.split(r",(?![^(]*\))", selector) if selector else ():
        if found := re.fullmatch(r"(\S+) in \((.*)\)", part):
            if labels.get(found[1]) not in found[2].split(","):
                return False
        elif labels.get(part.partition("=")[0]) != part.partition("=")[2]:
            return False
    return True


def is_about(event: Object, wanted: Mapping[str, str]) -> bool:
    same = event["involvedObject"]["name"] == wanted["involvedObject.name"]
    return bool(same) and event["reason"] == wanted.get("reason", event["reason"])
