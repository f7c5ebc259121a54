"""Log lines of the pods of several services, in order of time, and new ones as they arrive.

Owns the format `[pod/NAME/CONTAINER] 2026-11-23T17:00:00.123456789Z text`, and which pods are
followed. Must not interpret the text.
"""

from __future__ import annotations

import io
import queue
import re
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from gatewayctl.errors import RuntimeProblem
from gatewayctl.rendering.kubernetes.labels import NAME
from gatewayctl.runtimes.base import Keep, LogLine, keep_all
from gatewayctl.runtimes.docker.states import parse_time
from gatewayctl.runtimes.kubernetes.kubectl import Kubectl
from gatewayctl.runtimes.kubernetes.rollouts.pods import Pod, parse_pod
from gatewayctl.runtimes.process import spawn, terminate

_LINE: Final = re.compile(
    r"^\[pod/(?P<pod>[^/]+)/(?P<container>[^\]]+)\] (?P<at>\S+) ?(?P<text>.*)$"
)
_EARLIEST: Final = datetime.min.replace(tzinfo=UTC)
_PARTS: Final[Mapping[str, str]] = {"litellm-migrate": "litellm"}
"""Pods that work for a service under another name."""
_OVERLAP: Final = timedelta(seconds=2)
_LOOK_SECONDS: Final = 2.0
_WAIT_SECONDS: Final = 0.2
_READ_SECONDS: Final = 120.0
_NO_LOG: Final = re.compile(
    r"waiting to start|trying and failing to pull|PodInitializing|ContainerCreating|not found|"
    r"does not have a host assigned|unable to retrieve container logs"
)
"""Of a pod that has not run yet, or is gone."""


_Moment = tuple[datetime, str]
"""A time and how it was written: a log has nanoseconds, and a datetime has none."""
_Newest = dict[tuple[str, str], _Moment]
"""The moment of the newest line that was read of each container, by pod and name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PodLine:
    """One line with where it is from: pod and container."""

    source: tuple[str, str]
    moment: _Moment
    line: LogLine


def read_logs(
    kubectl: Kubectl,
    labels: Mapping[str, str],
    services: Sequence[str],
    *,
    tail: int | None,
    since: datetime | None,
    follow: bool,
    keep: Keep = keep_all,
) -> Generator[LogLine, None, None]:
    """Yield the lines of these services in order of time; ``tail`` counts per service.

    With ``follow`` new lines are yielded as they arrive, also those of pods that are created later.
    """
    began = datetime.now(UTC) - _OVERLAP
    selector = _selector(labels, services)
    pods = list_pods(kubectl, selector)
    names = {pod.name: service_of_pod(pod) for pod in pods}
    count = tail if keep is keep_all else None
    if follow and count == 0:
        # The last line of each, which is not shown, is where the new ones begin.
        count = 1
    newest: _Newest = {}
    texts = _read_past(kubectl, pods, tail=count, since=since)
    known = (
        each.line
        for each in _note(parse_lines(texts, names), newest)
        if keep(each.line.text) and not _is_before(each.line, since)
    )
    yield from sorted(_last(known, tail), key=_time_of)
    if follow:
        begin = max(began, since) if since else began
        for line in _Follower(kubectl, selector, begin, newest).lines():
            if keep(line.text) and not _is_before(line, since):
                yield line


def list_pods(kubectl: Kubectl, selector: str) -> tuple[Pod, ...]:
    return tuple(map(parse_pod, kubectl.get("pods", f"--selector={selector}")))


def service_of_pod(pod: Pod) -> str:
    """The service that a pod works for; its migration Job is a part of LiteLLM."""
    return _PARTS.get(pod.service, pod.service)


def parse_lines(lines: Iterable[str], services: Mapping[str, str]) -> Iterator[PodLine]:
    """Parse lines into pod, service, time and text. ``services`` are those of the pods by name."""
    for line in lines:
        found = _LINE.match(line)
        if found is None or found["pod"] not in services:
            continue
        at, text = parse_time(found["at"]), found["text"]
        if at is None:
            text = f"{found['at']} {text}".rstrip()
        yield PodLine(
            source=(found["pod"], found["container"]),
            moment=(_EARLIEST if at is None else at, found["at"].removesuffix("Z")),
            line=LogLine(service=services[found["pod"]], text=text, at=at),
        )


def _note(lines: Iterable[PodLine], newest: _Newest) -> Iterator[PodLine]:
    """The same lines, each of which becomes the newest of its container.

    Not of its service: pods are read one after the other, and one may write while another is read.
    """
    for each in lines:
        if each.line.at is not None:
            newest[each.source] = each.moment
        yield each


def _is_before(line: LogLine, since: datetime | None) -> bool:
    """True for a line that the server added: it has the time of the API, in whole seconds."""
    return since is not None and line.at is not None and line.at < since


def _time_of(line: LogLine) -> datetime:
    return line.at or _EARLIEST


def _selector(labels: Mapping[str, str], services: Sequence[str]) -> str:
    equal = [f"{key}={value}" for key, value in labels.items()]
    if not services:
        return ",".join(equal)
    parts = [part for part, service in _PARTS.items() if service in services]
    return ",".join((*equal, f"{NAME} in ({','.join((*services, *parts))})"))


def _read_past(
    kubectl: Kubectl, pods: Sequence[Pod], *, tail: int | None, since: datetime | None
) -> Iterator[str]:
    """The lines of each pod. One that does not run yet would hide the others if asked together."""
    limits = [f"--tail={-1 if tail is None else tail}"]
    limits += [f"--since-time={_format_time(since)}"] if since else []
    usual = ("--all-containers", "--timestamps", "--prefix", *limits)
    for pod in pods:
        if pod.restarts:
            # What the last run wrote before it crashed; it may be deleted already.
            yield from _lines(kubectl.ask("logs", pod.name, "--previous", *usual).stdout)
        try:
            text = kubectl.call("logs", pod.name, *usual, timeout=_READ_SECONDS)
        except RuntimeProblem as error:
            if _NO_LOG.search(error.message) is None:
                raise
        else:
            yield from _lines(text)


def _lines(text: str) -> list[str]:
    """Not `splitlines`, which also splits at characters that a line can have, such as U+2028."""
    return text.split("\n")


def _format_time(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}Z"


def _last(lines: Iterable[LogLine], tail: int | None) -> list[LogLine]:
    """The last lines of each service."""
    by_service: dict[str, deque[LogLine]] = {}
    for line in sorted(lines, key=_time_of):
        by_service.setdefault(line.service, deque(maxlen=tail)).append(line)
    return [line for kept in by_service.values() for line in kept]


class _Follower:
    """One `kubectl logs --follow` for each pod, also for those that come later."""

    def __init__(
        self,
        kubectl: Kubectl,
        selector: str,
        begin: datetime,
        newest: _Newest,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._kubectl = kubectl
        self._selector = selector
        self._begin = begin
        self._newest = newest
        self._clock = clock
        self._arrived: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._programs: dict[str, subprocess.Popen[bytes]] = {}
        self._names: dict[str, str] = {}

    def lines(self) -> Generator[LogLine, None, None]:
        """Yield lines until closed; that ends every program."""
        looked = -_LOOK_SECONDS
        try:
            while True:
                if self._clock() - looked >= _LOOK_SECONDS:
                    self._follow_new_pods()
                    looked = self._clock()
                try:
                    text = self._arrived.get(timeout=_WAIT_SECONDS)
                except queue.Empty:
                    continue
                new = (each for each in parse_lines([text], self._names) if self._is_new(each))
                yield from (each.line for each in _note(new, self._newest))
        finally:
            for program in self._programs.values():
                terminate(program)

    def _is_new(self, line: PodLine) -> bool:
        """False for what the reading of the past, or a connection that broke, had already."""
        last = self._newest.get(line.source)
        return last is None or line.line.at is None or line.moment > last

    def _follow_new_pods(self) -> None:
        for pod in list_pods(self._kubectl, self._selector):
            program = self._programs.get(pod.name)
            ended = program is None or program.poll() is not None
            if ended and pod.phase == "Running":
                self._names[pod.name] = service_of_pod(pod)
                self._programs[pod.name] = self._start(pod.name)

    def _start(self, pod: str) -> subprocess.Popen[bytes]:
        known = [at for (of, _), (at, _) in self._newest.items() if of == pod]
        argv = self._kubectl.argv(
            *("logs", pod, "--follow", "--all-containers", "--timestamps", "--prefix"),
            f"--since-time={_format_time(min(known, default=self._begin))}",
        )
        pipe, silent = subprocess.PIPE, subprocess.DEVNULL
        program = spawn(argv, env=None, cwd=None, stdout=pipe, stderr=silent)
        threading.Thread(target=self._read, args=(program,), daemon=True).start()
        return program

    def _read(self, program: subprocess.Popen[bytes]) -> None:
        assert program.stdout is not None  # noqa: S101 - a pipe was asked for
        with io.TextIOWrapper(program.stdout, encoding="utf-8", errors="replace") as output:
            for line in output:
                self._arrived.put(line.rstrip("\n"))
