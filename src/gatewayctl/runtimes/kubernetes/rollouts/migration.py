"""The migration Job of a release: LiteLLM's schema is up to date before its pods are replaced.

Owns when a Job is run again. Must not know what a migration does.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Generator
from typing import Final

from gatewayctl.errors import MigrationFailed, RuntimeProblem
from gatewayctl.rendering.kubernetes.labels import SECRET_VERSION
from gatewayctl.runtimes.base import Progress
from gatewayctl.runtimes.kubernetes.kubectl import Kubectl, Object
from gatewayctl.runtimes.kubernetes.objects import identity, pod_template
from gatewayctl.runtimes.kubernetes.rollouts.deadline import Deadline
from gatewayctl.runtimes.kubernetes.rollouts.pods import Pod, parse_pod
from gatewayctl.runtimes.kubernetes.rollouts.rollout import (
    RolloutFailure,
    explain_refused_pod,
    last_log,
    patience,
    read_warnings,
)
from gatewayctl.settings.masking import mask

_SUBJECT: Final = "migrations"
_APPLYING: Final = "applying those of this release"
_POLL_SECONDS: Final = 2.0
_LOG_LINES: Final = 20


def run_migration(
    kubectl: Kubectl,
    job: Object,
    *,
    version: str | None = None,
    deadline: Deadline,
    clock: Callable[[], float],
    sleep: Callable[[float], None],
) -> Generator[Progress, None, None]:
    """Run the Job of a release to its end, unless it is complete; a failed one is run again.

    One that an interrupted start left running is waited for. With ``version``, that of the Secrets
    it reads, one of another version is run again, too. Raises MigrationFailed with the end of its
    log, ServiceFailed if its pod cannot start, and NotHealthyInTime after the user's deadline. Why
    a pod does not start yet is yielded.
    """
    found = _read(kubectl, job)
    if version is not None:
        job = copy.deepcopy(job)
        job["metadata"].setdefault("annotations", {})[SECRET_VERSION] = version
    is_current = found is not None and version in {None, _version(found)}
    if found is not None and is_current and _has(found, "Complete"):
        return
    shown = _APPLYING
    yield Progress(subject=_SUBJECT, state="working", detail=shown)
    if found is not None and (not is_current or _has_ended(found)):
        kubectl.delete([found])
        found = None
    if found is None:
        kubectl.apply([job])
    since = clock()
    while True:
        found, pods = _read_with_pods(kubectl, job)
        if found is None:
            name = job["metadata"]["name"]
            raise RuntimeProblem(f"The Job {name} was deleted before it was complete.")
        if _has(found, "Complete"):
            break
        if _has(found, "Failed"):
            raise _failure(kubectl, found, pods)
        failure = _find_fault(kubectl, found, pods)
        detail = _APPLYING if failure is None else failure.fault.summary
        if detail != shown:
            shown, since = detail, clock()
            yield Progress(subject=_SUBJECT, state="working", detail=detail)
        if failure is not None and clock() - since >= patience(failure.fault):
            kubectl.delete([found])
            raise failure.error("Nothing that was running was changed.")
        reason = "its migrations are running" if failure is None else failure.fault.summary
        deadline.require("litellm", reason)
        sleep(_POLL_SECONDS)
    yield Progress(subject=_SUBJECT, state="ready", detail="the schema is up to date")


def _read(kubectl: Kubectl, job: Object) -> Object | None:
    return next(iter(kubectl.get(f"job.v1.batch/{job['metadata']['name']}")), None)


def _read_with_pods(kubectl: Kubectl, job: Object) -> tuple[Object | None, tuple[Pod, ...]]:
    """A Job and its pods, the newest last, in one request: its template has the same labels."""
    name = job["metadata"]["name"]
    found = kubectl.get("jobs.batch,pods", selector=pod_template(job)["metadata"]["labels"])
    jobs = (each for each in found if identity(each) == (job["kind"], name))
    pods = [each for each in found if each["metadata"]["labels"].get("job-name") == name]
    newest = sorted(pods, key=lambda pod: str(pod["metadata"].get("creationTimestamp", "")))
    return next(jobs, None), tuple(map(parse_pod, newest))


def _find_fault(kubectl: Kubectl, job: Object, pods: tuple[Pod, ...]) -> RolloutFailure | None:
    """Why the pod of a Job does not start; None while it runs or is tried again."""
    for pod in pods:
        if pod.fault is not None and pod.phase == "Pending":
            return RolloutFailure(service="litellm", fault=pod.fault, pod=pod.name)
    if pods:
        return None
    said = next(iter(read_warnings(kubectl, job["metadata"]["name"], reason="FailedCreate")), "")
    return RolloutFailure(service="litellm", fault=explain_refused_pod(said)) if said else None


def _failure(kubectl: Kubectl, job: Object, pods: tuple[Pod, ...]) -> MigrationFailed:
    condition = next(c for c in job["status"]["conditions"] if c["type"] == "Failed")
    why = condition.get("message") or condition.get("reason", "")
    log = mask(last_log(kubectl, pods[-1].name, _LOG_LINES)) if pods else ""
    lines = [f"The migrations of LiteLLM's database failed: {why}"]
    lines += ["LiteLLM's pods were not changed."]
    lines += [f"Last lines of the log of {pods[-1].name}:\n{log}"] if log else []
    error = MigrationFailed("\n".join(lines))
    error.service = "litellm"
    return error


def _version(job: Object) -> str:
    return str((job["metadata"].get("annotations") or {}).get(SECRET_VERSION, ""))


def _has_ended(job: Object) -> bool:
    return _has(job, "Failed") or "deletionTimestamp" in job["metadata"]


def _has(job: Object, condition: str) -> bool:
    found = (job.get("status") or {}).get("conditions") or ()
    return any(each["type"] == condition and each["status"] == "True" for each in found)
