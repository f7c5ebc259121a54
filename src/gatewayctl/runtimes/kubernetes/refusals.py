"""What kubectl says when it fails, as errors of ours.

kubectl has one exit code for everything, so its words decide; those below were seen. Must not know
which command was run.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from gatewayctl.errors import (
    AdmissionRefused,
    ApiMissing,
    ClusterCertificateRefused,
    ClusterConflict,
    ClusterForbidden,
    ClusterLoginRefused,
    ClusterUnreachable,
    ContextUnknown,
    KubeconfigInvalid,
    KubeconfigMissing,
    KubectlMissing,
    NamespaceTerminating,
    ObjectInvalid,
    ProgramTimeout,
    QuotaExceeded,
    RuntimeProblem,
)
from gatewayctl.runtimes.kubernetes.rights import Right, forbidden

# "E1129 17:51:30.916748 1077 memcache.go:265] …": kubectl's own log, which repeats the failure.
_LOG_LINE: Final = re.compile(r"^[EWI]\d{4} [\d:.]+ +\d+ \S+\] ")
_PREFIX: Final = re.compile(
    r"^(?:error|Error from server(?: \(\w+\))?|Unable to connect to the server): "
)
_FORBIDDEN: Final = re.compile(
    r'User "(?P<user>[^"]*)" cannot (?P<verb>\w+) resource "(?P<resource>[^"]+)"'
    r'(?: in API group "(?P<group>[^"]*)")?'
    r'(?: in the namespace "(?P<namespace>[^"]+)")?'
)
_QUOTA: Final = (
    r"exceeded quota: |failed quota: |"
    r"is forbidden: \[?(?:maximum|minimum) .* per (?:Container|Pod|PersistentVolumeClaim)"
)
_ADMISSION: Final = (
    r"violates PodSecurity|admission webhook .* denied|failed calling webhook|"
    r"ValidatingAdmissionPolicy .* denied|unable to validate against any"
)
_LOGIN: Final = (
    r"Unauthorized|provide credentials|getting credentials: |auth plugin|auth provider|"
    r"Auth Provider|Please enter (?:Username|Password)|invalid_grant|oidc: "
)
_CERTIFICATE: Final = r"x509: |tls: |certificate signed by|HTTP response to HTTPS client"
_UNREACHABLE: Final = (
    r"connection to the server .* refused|dial tcp|i/o timeout|no such host|no route to host|"
    r"network is unreachable|connection reset|deadline exceeded|Client\.Timeout|"
    r"TLS handshake timeout|ServiceUnavailable|currently unable to handle|etcdserver: |"
    r"timed out waiting for the server|unexpected EOF|: EOF$|proxyconnect|did not end within"
)
_CONFLICT: Final = (
    r"the object has been modified|Apply failed with \d+ conflict|\(Conflict\)|"
    r"storage: object is being deleted|object is being deleted"
)
_API: Final = (
    r"no matches for kind|doesn't have a resource type|could not find the requested resource|"
    r"resource mapping not found"
)
TIMED_OUT: Final = "timed out waiting for the condition"
"""What kubectl prints when what it waits for takes longer than its own ``--timeout``."""
_CONTENT: Final = frozenset(
    {
        *("NamespaceDeletionDiscoveryFailure", "NamespaceDeletionContentFailure"),
        *("NamespaceContentRemaining", "NamespaceFinalizersRemaining"),
    }
)
"""The conditions of a namespace that say why it is not gone."""
_UNFINISHED: Final = (
    "The cluster goes on with the deletion: run the command again when they are gone. An object"
    " with finalizers is gone when the controllers that set them have removed them, so check that"
    " these run. `kubectl describe KIND NAME` shows what an object waits for."
)
_Make = Callable[[str, str], RuntimeProblem]
"""From the words of the failure and where it happened."""


def _context_unknown(text: str, place: str) -> RuntimeProblem:
    return ContextUnknown(f"The kubeconfig has no such context: {text}")


def _say(kind: type[RuntimeProblem], sentence: str) -> _Make:
    return lambda text, place: kind(f"{sentence.format(place=place)}: {text}")


_RULES: Final[tuple[tuple[str, _Make], ...]] = (
    # In this order: a refusal for a namespace, a quota or a policy is "forbidden" too.
    (
        r"because it is being terminated|namespace .* is terminating",
        _say(NamespaceTerminating, "The namespace is being deleted ({place})"),
    ),
    (_QUOTA, _say(QuotaExceeded, "A limit of the namespace is reached ({place})")),
    (_ADMISSION, _say(AdmissionRefused, "A policy of the cluster refuses it ({place})")),
    (
        r'context ".*" does not exist|context was not found|cannot locate context',
        _context_unknown,
    ),
    (
        r"current-context must exist|no configuration has been provided|server localhost:8080 was",
        _say(KubeconfigMissing, "kubectl has no kubeconfig with a context"),
    ),
    (
        r"error loading config file|invalid configuration|Error in configuration|no server found",
        _say(KubeconfigInvalid, "The kubeconfig cannot be used"),
    ),
    (_LOGIN, _say(ClusterLoginRefused, "The cluster does not accept these credentials ({place})")),
    (
        _CERTIFICATE,
        _say(ClusterCertificateRefused, "No secure connection to the cluster ({place})"),
    ),
    (_UNREACHABLE, _say(ClusterUnreachable, "The cluster does not answer ({place})")),
    (_API, _say(ApiMissing, "The cluster does not serve an API that the project needs ({place})")),
    (_CONFLICT, _say(ClusterConflict, "Another change got in the way ({place})")),
    (
        r"\(Invalid\)| is invalid: |\(BadRequest\)|strict decoding error",
        _say(ObjectInvalid, "The cluster refuses an object ({place})"),
    ),
)


def explain(stderr: str, *, context: str | None, namespace: str) -> RuntimeProblem:
    """The error that a refusal of kubectl or of the API server stands for.

    ``stderr`` can also be the message of an event or of a condition of an object.
    """
    text = _clean(stderr)
    place = f"context {context or 'of the kubeconfig'}, namespace {namespace}"
    for pattern, make in _RULES:
        if re.search(pattern, text):
            return make(_shorten(text), place)
    if rights := _find_rights(text):
        return forbidden(rights, context=context, namespace=namespace)
    if "(Forbidden)" in text or "is forbidden" in text:
        return ClusterForbidden(f"The cluster does not permit it ({place}): {_shorten(text)}")
    return RuntimeProblem(f"kubectl failed ({place}): {_shorten(text)}")


def explain_failed_run(
    error: RuntimeProblem, *, context: str | None, namespace: str
) -> RuntimeProblem:
    """The error of a kubectl that could not be run, or did not end in time."""
    if isinstance(error.__cause__, FileNotFoundError):
        return KubectlMissing("There is no program kubectl on this machine.")
    if isinstance(error, ProgramTimeout):
        return explain(error.message, context=context, namespace=namespace)
    return error


def explain_remaining(
    left: Iterable[Mapping[str, Any]], *, seconds: float, context: str | None, namespace: str
) -> RuntimeProblem:
    """The error that names the objects which are still there after a deletion, and why."""
    place = f"context {context or 'of the kubeconfig'}, namespace {namespace}"
    listed = "\n".join(f"  {_describe_remaining(item)}" for item in left)
    return RuntimeProblem(
        f"Not deleted within {seconds:g} seconds ({place}):\n{listed}", hint=_UNFINISHED
    )


def _describe_remaining(item: Mapping[str, Any]) -> str:
    meta, status = item["metadata"], item.get("status") or {}
    name = f"{item['kind']} {meta['name']}"
    if finalizers := meta.get("finalizers"):
        return f"{name}, kept by its finalizers {', '.join(finalizers)}"
    reasons = [
        each.get("message", "")
        for each in status.get("conditions") or ()
        if each.get("type") in _CONTENT and each.get("status") == "True"
    ]
    if reasons:
        return f"{name}: {' '.join(filter(None, reasons))}"
    if grace := meta.get("deletionGracePeriodSeconds"):
        return f"{name}, which has {grace} seconds to end"
    return name


def _find_rights(text: str) -> tuple[Right, ...]:
    """The permissions that the text says are missing."""
    found = (
        Right(
            verb=match["verb"],
            resource=match["resource"],
            group=match["group"] or "",
            cluster_wide=match["namespace"] is None,
            user=match["user"],
        )
        for match in _FORBIDDEN.finditer(text)
    )
    return tuple(dict.fromkeys(found))


def _clean(stderr: str) -> str:
    """The text without kubectl's log, unless there is nothing else."""
    lines = [line.rstrip() for line in stderr.strip().splitlines()]
    said = [line for line in lines if line and not _LOG_LINE.match(line)]
    kept = [line for line in said if not line.startswith("Warning: ")] or said or lines
    return "\n".join(kept)


def _shorten(text: str) -> str:
    """The sentences as one line each, once, without the words that every failure begins with."""
    lines = dict.fromkeys(_PREFIX.sub("", line) for line in text.splitlines())
    return "\n".join(lines) or "no reason was given"
