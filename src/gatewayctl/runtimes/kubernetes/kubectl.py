"""kubectl as typed calls: the user's own program, kubeconfig and credentials.

Owns the command lines and what an answer's JSON is. Objects go to kubectl on standard input, so
that no secret is on a command line or in a file. Must not know which objects a gateway has.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from gatewayctl.errors import RuntimeProblem
from gatewayctl.runtimes.kubernetes.refusals import (
    TIMED_OUT,
    explain,
    explain_failed_run,
    explain_remaining,
)
from gatewayctl.runtimes.process import Completed, run

Object = dict[str, Any]
"""An object of the API, as JSON has it."""
Run = Callable[..., Completed]
_RESTARTED_AT: Final = "kubectl.kubernetes.io/restartedAt"
FIELD_MANAGER: Final = "gatewayctl"
_ENDED: Final = "command terminated with exit code"
"""What kubectl adds to the errors of a program that did run in a pod."""
_SECONDS: Final = 30.0
"""For one request; what waits longer gives its own limit."""
_DELETE_SECONDS: Final = 30.0
"""To ask for the deletion of many objects, before kubectl begins to wait."""


class Kubectl:
    """One context and one namespace. ``run`` is `process.run`, or a fake of it."""

    def __init__(
        self,
        *,
        context: str | None,
        namespace: str,
        kubeconfig: Path | None = None,
        run: Run = run,
    ) -> None:
        self.context = context
        self.namespace = namespace
        self._kubeconfig = kubeconfig
        self._run = run

    def argv(self, *words: str, namespaced: bool = True) -> tuple[str, ...]:
        """The whole command line of a call, for what runs it in a process of its own."""
        chosen = ("--kubeconfig", str(self._kubeconfig)) if self._kubeconfig else ()
        context = ("--context", self.context) if self.context else ()
        namespace = ("--namespace", self.namespace) if namespaced else ()
        return ("kubectl", *chosen, *context, *namespace, *words)

    def call(
        self,
        *words: str,
        stdin: str | None = None,
        timeout: float = _SECONDS,
        namespaced: bool = True,
    ) -> str:
        """Run one command and return its output. Raises what `refusals` makes of a failure."""
        argv = self.argv(f"--request-timeout={timeout:g}s", *words, namespaced=namespaced)
        try:
            done = self._run(argv, stdin=stdin, timeout=timeout + 5)
        except RuntimeProblem as error:
            raise explain_failed_run(
                error, context=self.context, namespace=self.namespace
            ) from error
        if done.returncode:
            raise explain(done.stderr, context=self.context, namespace=self.namespace)
        return done.stdout

    def exec_argv(self, pod: str, container: str, words: Sequence[str]) -> tuple[str, ...]:
        """The command line that runs a program in a pod, connected to standard input."""
        return self.argv("exec", "--stdin", pod, "--container", container, "--", *words)

    def execute(self, pod: str, container: str, words: Sequence[str], *, stdin: str) -> Completed:
        """Run a program in a pod to its end. Raises what `call` raises if it could not be run."""
        done = self._run(self.exec_argv(pod, container, words), stdin=stdin, timeout=_SECONDS)
        if done.returncode and _ENDED not in done.stderr:
            raise explain(done.stderr, context=self.context, namespace=self.namespace)
        return done

    def ask(self, *words: str, timeout: float = _SECONDS) -> Completed:
        """Run one command whose failure is an answer too."""
        return self._run(self.argv(f"--request-timeout={timeout:g}s", *words), timeout=timeout + 5)

    def get(self, *words: str, selector: Mapping[str, str] | None = None) -> tuple[Object, ...]:
        """The objects of some kinds (``deployments,pods``) or of one name; empty if none."""
        chosen = (
            ("--selector", ",".join(f"{k}={v}" for k, v in selector.items())) if selector else ()
        )
        text = self.call("get", *words, *chosen, "--ignore-not-found", "--output", "json")
        return _items(text)

    def apply(self, objects: Iterable[Object], *, dry_run: bool = False) -> tuple[Object, ...]:
        """Apply objects on the server, and return them as the server has them then.

        Fields that others set on our objects become ours again. With ``dry_run`` the server only
        says what it would have.
        """
        words = ["apply", "--server-side", "--force-conflicts", f"--field-manager={FIELD_MANAGER}"]
        if dry_run:
            words.append("--dry-run=server")
        document = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
        return _items(
            self.call(*words, "--output", "json", "-f", "-", stdin=json.dumps(document), timeout=60)
        )

    def restart(self, item: Object) -> None:
        """Replace the pods of a workload as its strategy says."""
        name = f"{resource(item)}/{item['metadata']['name']}"
        if item["kind"] == "Cluster":
            # CloudNativePG's own sign, which is the annotation that kubectl sets for others.
            moment = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
            self.call("annotate", name, f"{_RESTARTED_AT}={moment}", "--overwrite")
        else:
            self.call("rollout", "restart", name)

    def delete(
        self, objects: Sequence[Object], *, orphan: bool = False, timeout: float = 120.0
    ) -> None:
        """Delete objects by kind and name, and wait until they are gone.

        With ``orphan`` what they created stays. ``timeout`` in seconds. Raises RuntimeProblem that
        names what is still there after it.
        """
        names = [f"{resource(item)}/{item['metadata']['name']}" for item in objects]
        if not names:
            return
        more = ("--cascade=orphan",) if orphan else ()
        # Its own limit is the shorter one: then kubectl reports a slow deletion, and only a
        # server that does not answer ends it from outside.
        words = ("--ignore-not-found", "--wait=true", f"--timeout={timeout:g}s")
        try:
            self.call("delete", *names, *more, *words, timeout=timeout + _DELETE_SECONDS)
        except RuntimeProblem as error:
            if TIMED_OUT not in error.message:
                raise
            if left := self.get(*names):
                raise explain_remaining(
                    left, seconds=timeout, context=self.context, namespace=self.namespace
                ) from error


def resource(item: Object) -> str:
    """The type of an object as kubectl takes it: ``deployment.v1.apps``."""
    group, _, version = str(item["apiVersion"]).rpartition("/")
    kind = str(item["kind"]).lower()
    return f"{kind}.{version}.{group}" if group else kind


def _items(text: str) -> tuple[Object, ...]:
    if not text.strip():
        return ()
    found: Object = json.loads(text)
    return tuple(found["items"]) if found["kind"].endswith("List") else (found,)
