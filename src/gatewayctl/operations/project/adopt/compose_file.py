"""Read a Compose file as the place of an existing gateway: what its litellm service has.

Owns Compose's notations of mounts, ports and variables, as far as a gateway needs them. Asks no
engine, and does not follow `extends` or `include`. Must not know what is taken over.
"""

from __future__ import annotations

import os
import posixpath
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from gatewayctl.env_file.read import read_env_file
from gatewayctl.errors import EnvFileMissing, EnvFileUnreadable
from gatewayctl.settings.litellm.service import APP
from gatewayctl.settings.litellm.yaml_text import ValuePath, YamlText
from gatewayctl.settings.model import Source
from gatewayctl.settings.problems import Problems

NAMES: Final = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")
_VARIABLE: Final = re.compile(
    r"\$(?:(?P<escaped>\$)|(?P<plain>[A-Za-z_]\w*)"
    r"|\{(?P<name>[A-Za-z_]\w*)(?:(?P<kind>:?[-?+])(?P<other>[^{}]*(?:\{[^{}]*\}[^{}]*)*))?\})"
)
_HOST_PORT: Final = re.compile(
    r"(?:(?P<ip>\[[^\]]*\]|[\d.]+):)?(?P<host>\d+):(?P<inside>\d+)(?:/tcp)?"
)
_SHELLS: Final = frozenset({"sh", "bash", "ash", "dash"})
_POSTGRES: Final = re.compile(r"(?:\A|/)(?:postgres|postgresql|pgvector|postgis)(?:[:@/]|\Z)")


@dataclass(frozen=True, slots=True, kw_only=True)
class ComposeFile:
    """A Compose file, with the variables of its folder's .env and of this process."""

    path: Path
    shown: str
    yaml: YamlText
    variables: Mapping[str, str] = field(repr=False)

    @property
    def services(self) -> dict[str, dict[str, Any]]:
        found = self.yaml.data.get("services") if isinstance(self.yaml.data, dict) else None
        pairs = found.items() if isinstance(found, dict) else ()
        return {str(name): value for name, value in pairs if isinstance(value, dict)}

    def litellm(self) -> str | None:
        """The name of the service that runs LiteLLM: by image and command, else by one of them."""
        images = {name: str(s.get("image", "")).lower() for name, s in self.services.items()}
        others = {name for name, image in images.items() if _POSTGRES.search(image)}
        services = {name: s for name, s in self.services.items() if name not in others}
        by_image = [name for name in services if "litellm" in images[name]]
        by_config = [name for name, s in services.items() if _has_config(s)]
        by_program = [name for name, s in services.items() if _has_litellm(s)]
        both = [name for name in by_image if name in (*by_config, *by_program)]
        # Other programs have an option of this name, too, but usually an image of their own.
        built = [name for name in by_config if not images[name]]
        return next(iter((*both, *by_image, *by_program, *built, *by_config)), None)

    def line(self, *path: str | int) -> int:
        """The line of the part at a path, or of the nearest part above it."""
        for length in range(len(path), 0, -1):
            for value in self.yaml.values:
                here = (*value.path, value.value) if value.is_key else value.path
                if here[:length] == path[:length]:
                    return value.line
        return 1

    def source(self, *path: str | int) -> Source:
        return Source(name=self.shown, line=self.line(*path))

    def expand(self, text: str) -> str:
        """Replace ``${NAME}`` and its forms with a default, as Compose does."""
        return _VARIABLE.sub(self._value, text)

    def _value(self, found: re.Match[str]) -> str:
        if found["escaped"]:
            return "$"
        name, kind = found["plain"] or found["name"], found["kind"] or ""
        value = self.variables.get(name)
        is_set = value is not None and (value != "" or not kind.startswith(":"))
        if kind.endswith("+"):
            return self.expand(found["other"]) if is_set else ""
        if not is_set and kind.endswith("-"):
            return self.expand(found["other"])
        return value or ""


def read_compose(path: Path, shown: str, yaml: YamlText, environ: Mapping[str, str]) -> ComposeFile:
    """The Compose file with its variables; those of the process take precedence.

    Raises EnvFileUnreadable for the .env beside it.
    """
    return ComposeFile(
        path=path,
        shown=shown,
        yaml=yaml,
        variables={**read_variables(path.parent / ".env"), **environ},
    )


def read_variables(path: Path) -> dict[str, str]:
    """The variables of a .env; none if there is no such file. Raises EnvFileUnreadable."""
    try:
        return {name: entry.value for name, entry in read_env_file(path).items()}
    except EnvFileMissing:
        return {}


def is_compose(data: Any) -> bool:
    """True for the content of a Compose file."""
    return isinstance(data, dict) and isinstance(data.get("services"), dict)


def config_option(service: Mapping[str, Any]) -> str | None:
    """The path that a service passes as `--config` or `-c`, if it does."""
    words = _all_words(service)
    if found := _option(words, "--config"):
        return found
    for index, word in enumerate(words[:-1]):
        before = {posixpath.basename(each) for each in words[:index]}
        # `sh -c` runs a command, and `postgres -c` has another meaning.
        if word == "-c" and ("litellm" in before or before.isdisjoint(_SHELLS)):
            return words[index + 1]
    return None


def option(service: Mapping[str, Any], name: str) -> str | None:
    """The value of another option of the command."""
    return _option(_words(service.get("command")), name)


def _option(words: Sequence[str], name: str) -> str | None:
    for index, word in enumerate(words):
        if word == name and index + 1 < len(words):
            return words[index + 1]
        if word.startswith(f"{name}="):
            return word.partition("=")[2]
    return None


def _has_config(service: Mapping[str, Any]) -> bool:
    return _option(_all_words(service), "--config") is not None


def _has_litellm(service: Mapping[str, Any]) -> bool:
    return "litellm" in {posixpath.basename(word) for word in _all_words(service)}


def _all_words(service: Mapping[str, Any]) -> list[str]:
    return [*_words(service.get("entrypoint")), *_words(service.get("command"))]


def config_path(file: ComposeFile, name: str) -> str:
    """The absolute path of the configuration inside the service."""
    service = file.services[name]
    environment = dict(environment_of(file, name, Problems()))
    given = config_option(service) or environment.get("CONFIG_FILE_PATH") or "config.yaml"
    workdir = str(service.get("working_dir") or APP)
    return posixpath.normpath(posixpath.join(workdir, file.expand(given)))


def mounts_of(file: ComposeFile, name: str) -> dict[str, Path]:
    """The files and folders of this machine by their place inside the service."""
    found = dict(_volumes(file, file.services[name]))
    for kind, folder in (("configs", "/"), ("secrets", "/run/secrets")):
        for inside, definition in _definitions(file, name, kind, folder):
            if path := definition.get("file"):
                found[inside] = _host(file, str(path))
    return found


def inline_config(file: ComposeFile, name: str, inside: str) -> str | None:
    """The text of a configuration that the Compose file itself contains (`content:`)."""
    for place, definition in _definitions(file, name, "configs", "/"):
        if place == inside and (content := definition.get("content")):
            return file.expand(str(content))
    return None


def _definitions(
    file: ComposeFile, name: str, kind: str, folder: str
) -> Iterator[tuple[str, dict[str, Any]]]:
    """The configs or secrets of a service: each path inside it, and what is defined for it."""
    for entry in _items(file.services[name].get(kind)):
        source = entry if isinstance(entry, str) else str(entry.get("source", ""))
        target = entry.get("target") if isinstance(entry, dict) else None
        definition = (file.yaml.data.get(kind) or {}).get(source)
        if isinstance(definition, dict):
            yield posixpath.normpath(posixpath.join(folder, str(target or source))), definition


def find_inside(mounts: Mapping[str, Path], folder: str, path: str) -> Path | None:
    """The file of this machine behind a path inside the service, relative to a folder there."""
    inside = posixpath.normpath(posixpath.join(folder, path))
    for target in sorted(mounts, key=len, reverse=True):
        if inside == target:
            return mounts[target]
        if inside.startswith(f"{target.rstrip('/')}/"):
            return mounts[target] / inside[len(target.rstrip("/")) + 1 :]
    return None


def environment_of(
    file: ComposeFile, name: str, problems: Problems
) -> Iterator[tuple[str, str | None]]:
    """The variables of a service, `env_file:` first; None for one that is not set."""
    service = file.services[name]
    for entry in _items(service.get("env_file"), single=True):
        path = entry if isinstance(entry, str) else str(entry.get("path", ""))
        host = _host(file, path)
        place = file.source("services", name, "env_file")
        required = not isinstance(entry, dict) or entry.get("required") is not False
        if not host.exists() and required:
            problems.add(place, f"{path} does not exist")
        try:
            yield from read_variables(host).items()
        except EnvFileUnreadable as error:
            problems.add(place, error.message)
    given = service.get("environment")
    pairs = (
        given.items()
        if isinstance(given, dict)
        else (
            (t[0], t[2] if t[1] else None) for t in (str(e).partition("=") for e in _items(given))
        )
    )
    here = ("services", name, "environment")
    for key, value in pairs:
        variable = _as_written(file, here, key, is_key=True)
        if value is None:
            yield variable, file.variables.get(variable)
        else:
            yield variable, file.expand(_as_written(file, (*here, variable), value))


def _as_written(file: ComposeFile, path: ValuePath, value: Any, *, is_key: bool = False) -> str:
    """A value as text. To Compose only true and false are truth values: yes and on are strings."""
    if not isinstance(value, bool):
        return str(value)
    place = (path, is_key, value)
    spans = (v.span for v in file.yaml.values if (v.path, v.is_key, v.value) == place)
    text = next((file.yaml.within(*span) for span in spans), str(value))
    return text.lower() if text.lower() in {"true", "false"} else text


def host_port(file: ComposeFile, name: str, inside: int) -> tuple[int, str] | None:
    """The port of this machine and the address that lead to a port of the service."""
    for entry in _items(file.services[name].get("ports")):
        if isinstance(entry, dict):
            published, target = str(entry.get("published") or ""), entry.get("target")
            if str(target) == str(inside) and file.expand(published).isdecimal():
                return int(file.expand(published)), file.expand(str(entry.get("host_ip") or ""))
            continue
        found = _HOST_PORT.fullmatch(file.expand(str(entry)))
        if found and int(found["inside"]) == inside:
            return int(found["host"]), (found["ip"] or "").strip("[]")
    return None


def _volumes(file: ComposeFile, service: Mapping[str, Any]) -> Iterator[tuple[str, Path]]:
    for entry in _items(service.get("volumes")):
        if isinstance(entry, dict):
            if entry.get("type", "bind") == "bind" and entry.get("source") and entry.get("target"):
                target = file.expand(str(entry["target"]))
                yield posixpath.normpath(target), _host(file, str(entry["source"]))
            continue
        parts = file.expand(str(entry)).split(":")
        # A name without a slash is a volume of the engine.
        if len(parts) > 1 and parts[0].startswith((".", "/", "~")):
            yield posixpath.normpath(parts[1]), _host(file, parts[0])


def _host(file: ComposeFile, path: str) -> Path:
    given = Path(file.expand(path)).expanduser()
    return Path(os.path.normpath(file.path.parent / given))


def _words(command: Any) -> list[str]:
    if isinstance(command, list):
        words = [str(word) for word in command]
        # sh -c "litellm --config …"
        return [part for word in words for part in (_split(word) if " " in word else [word])]
    return _split(command) if isinstance(command, str) else []


def _split(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError:
        return command.split()


def _items(value: Any, *, single: bool = False) -> list[Any]:
    if isinstance(value, list):
        return value
    return [value] if single and isinstance(value, str | dict) else []
