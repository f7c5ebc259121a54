"""A kubectl without a cluster: one in memory for units, and a program for whole commands."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gatewayctl.errors import RuntimeProblem
from gatewayctl.runtimes.kubernetes.kubectl import Kubectl
from gatewayctl.runtimes.process import Completed

SERVER = "https://10.1.2.3:6443"


def kubeconfig(servers: Mapping[str, str], current: str | None = None) -> dict[str, Any]:
    """`kubectl config view --output json` with these contexts; a cluster for each."""
    return {
        "kind": "Config",
        "apiVersion": "v1",
        "clusters": [
            {"name": f"of-{name}", "cluster": {"server": server}}
            for name, server in servers.items()
        ]
        or None,
        "users": [{"name": "someone", "user": {"token": "REDACTED"}}],
        "contexts": [
            {"name": name, "context": {"cluster": f"of-{name}", "user": "someone"}}
            for name in servers
        ]
        or None,
        "current-context": current or "",
    }


@dataclass(kw_only=True)
class FakeRun:
    """Answers as ``process.run`` would; in place of the cluster there is a table.

    ``answers`` maps words that must all be on the command line to the output, or to an error if
    it is a RuntimeProblem; ``failing`` to what is printed on stderr. The first that fits counts.
    ``calls`` are the command lines, ``inputs`` what each got on standard input.
    """

    answers: list[tuple[tuple[str, ...], str | RuntimeProblem]] = field(default_factory=list)
    failing: list[tuple[tuple[str, ...], str]] = field(default_factory=list)
    calls: list[tuple[str, ...]] = field(default_factory=list)
    inputs: list[str | None] = field(default_factory=list)

    def __call__(
        self, argv: Sequence[str], *, stdin: str | None = None, timeout: float | None = None
    ) -> Completed:
        self.calls.append(tuple(argv))
        self.inputs.append(stdin)
        for words, stderr in self.failing:
            if set(words) <= set(argv):
                return Completed(returncode=1, stdout="", stderr=stderr)
        for words, answer in self.answers:
            if set(words) <= set(argv):
                if isinstance(answer, RuntimeProblem):
                    raise answer
                return Completed(returncode=0, stdout=answer, stderr="")
        return Completed(returncode=0, stdout="", stderr="")

    def kubectl(self) -> Kubectl:
        return Kubectl(context="staging", namespace="shop", run=self)


def with_contexts(servers: Mapping[str, str], current: str | None = None) -> FakeRun:
    """A kubectl with these contexts, and no cluster behind them."""
    return FakeRun(answers=[(("config", "view"), json.dumps(kubeconfig(servers, current)))])


def plant_kubectl(folder: Path, servers: Mapping[str, str], current: str | None = None) -> Path:
    """A program kubectl that shows these contexts, and knows of their clusters that no stack has
    secrets there; its folder is for PATH.
    """
    folder.mkdir(parents=True, exist_ok=True)
    shown = folder / "kubeconfig.json"
    shown.write_text(json.dumps(kubeconfig(servers, current)))
    program = folder / "kubectl"
    program.write_text(
        "#!/bin/sh\n"
        f"case \"$*\" in *'config view'*) exec cat '{shown}' ;; esac\n"
        "case \"$*\" in *'get secret/litellm'*) exit 0 ;; esac\n"
        "echo 'The connection to the server 10.1.2.3:6443 was refused - did you specify the right"
        " host or port?' >&2\nexit 1\n"
    )
    program.chmod(0o755)
    return folder
