"""The ``apps:`` of gateway.yaml: the user's own services, started next to the gateway.

Owns the reading of one section, and its checks against the keys and the ports. Must not
know how a service is run.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

from gatewayctl.settings import image, reference
from gatewayctl.settings.cursor import VARIABLE_NAME, Cursor
from gatewayctl.settings.declared.apps import App
from gatewayctl.settings.declared.keys import DeclaredKey
from gatewayctl.settings.fields import Setting
from gatewayctl.settings.masking import looks_like_a_secret
from gatewayctl.settings.plain_secrets import refuse_secrets
from gatewayctl.settings.problems import quote, suggest
from gatewayctl.settings.scalars import port_number

SETTINGS: Final = {
    "image": Setting("image", "required without build", "Container image."),
    "build": Setting("folder", "required without image", "Folder with its Dockerfile."),
    "ports": Setting("list, or mapping", "", 'Ports of this machine to its own: ["8080:80"].'),
    "key": Setting("string", "litellm-dev, or the first key", "Alias of its virtual key."),
    "command": Setting("string, or list of strings", "the image's", "Command to run."),
    "environment": Setting(
        "mapping",
        "",
        "More variables; os.environ/NAME takes NAME from .env, for secrets.",
    ),
    "user": Setting(
        "integer from 1", "the image's", "Number of the user that runs it, for restricted pods."
    ),
}
PROVIDED: Final = ("LLM_BASE_URL", "LLM_API_KEY")
"""Variables that gatewayctl sets for every app, so that the app must not."""
RESERVED: Final = (
    "litellm",
    "phoenix",
    "postgres",
    "postgres-litellm",
    "postgres-phoenix",
    "redis",
)
"""Services of the stack, in any runtime."""

# Other services reach the app by this name: a label of DNS.
_NAME: Final = re.compile(r"[a-z0-9]([a-z0-9\-]{0,61}[a-z0-9])?")
_PAIR: Final = re.compile(r"(?:([0-9]{1,5}):)?([0-9]{1,5})")


def parse_apps(section: Cursor, keys: Iterable[DeclaredKey]) -> tuple[App, ...]:
    """Read the declared apps by name, each with the alias of a declared key; none by default."""
    aliases = tuple(key.alias for key in keys)
    return tuple(_app(entry, aliases) for _, entry in sorted(section.mapping().items()))


def check_app_ports(apps: Iterable[App], section: Cursor, ports: Mapping[str, int | None]) -> None:
    """Report each port of the host that two services would listen on.

    ``ports`` are those of the stack, by the names of their settings.
    """
    owners = {port: f"ports.{name}" for name, port in ports.items() if port is not None}
    for app in apps:
        place = section.child(app.name).child("ports")
        for port in app.ports:
            owner = owners.setdefault(port, place.path)
            if owner != place.path:
                place.add(f"port {port} is used twice: {owner} and {place.path}")


def _app(entry: Cursor, aliases: tuple[str, ...]) -> App:
    _check_name(entry)
    # A string alone is the image.
    entry = entry.expand(str, "image")
    entry.check_names(SETTINGS)
    _check_origin(entry)
    return App(
        name=entry.name,
        image=_image(entry.child("image")),
        build=_build(entry.child("build")),
        ports=MappingProxyType(_ports(entry.child("ports"))),
        key=_key(entry, aliases),
        command=_command(entry.child("command")),
        environment=MappingProxyType(_environment(entry.child("environment"))),
        user=_user(entry.child("user")),
    )


def _check_name(entry: Cursor) -> None:
    if entry.name in RESERVED:
        entry.add_at_name(
            f"{entry.path}: {entry.name} is a service of the stack, choose another name"
        )
    elif not _NAME.fullmatch(entry.name):
        entry.add_at_name(
            "the name of an app must contain only lower-case letters, digits and hyphens,"
            f" at most 63, not {quote(entry.name)}"
        )


def _check_origin(entry: Cursor) -> None:
    given, build = entry.child("image").is_given, entry.child("build")
    if given and build.is_given:
        build.add_at_name(f"{entry.path} has both image and build: keep one")
    # Anything but a mapping is reported already.
    elif not given and not build.is_given and isinstance(entry.value, dict | None):
        entry.add_at_name(f"{entry.path} needs image: or build:, the folder of its Dockerfile")


def _image(given: Cursor) -> str | None:
    if not given.is_given:
        return None
    if why := image.explain_invalid(given.value):
        given.add(f"{given.path} {why}")
        return None
    return str(given.value)


def _build(build: Cursor) -> str | None:
    _refuse_public_secrets(build)
    return build.string()


def _key(entry: Cursor, aliases: tuple[str, ...]) -> str:
    key = entry.child("key")
    if key.is_set:
        if key.value in aliases:
            return str(key.value)
        near = f" {suggest(key.value, aliases)}" if isinstance(key.value, str) else ""
        key.refuse("the alias of a declared key", hint=near)
        return ""
    if not aliases:
        entry.add_at_name(f"{entry.path} calls models with a virtual key: declare one in keys:")
        return ""
    usual = reference.KEYS[0].alias
    return usual if usual in aliases else aliases[0]


def _user(user: Cursor) -> int | None:
    if not user.is_given:
        return None
    number = user.value
    if isinstance(number, int) and not isinstance(number, bool) and 0 < number < 2**31:
        return number
    user.refuse("the number of a user, from 1")
    return None


def _ports(ports: Cursor) -> dict[int, int]:
    """Read ports of the host to ports of the container, in each notation of Compose."""
    found: dict[int, int] = {}
    pairs = isinstance(ports.value, dict)
    for place in ports.parts() if pairs else ports.items():
        plain = place.node.plain()
        value = f"{place.name}:{plain}" if pairs else plain
        pair = _PAIR.fullmatch(str(value)) if isinstance(value, str | int) else None
        inside = port_number(pair[2]) if pair else None
        host = port_number(pair[1] or pair[2]) if pair else None
        if host is None or inside is None:
            # YAML reads 8022:22 without quotes as a number in base 60.
            place.add(
                f'{ports.path} must be like "8080:80", the host\'s port first and in quotes,'
                f" not {quote(value)}"
            )
            continue
        if host in found:
            place.add(f"port {host} is given twice in {ports.path}")
        found[host] = inside
    return found


def _command(command: Cursor) -> tuple[str, ...]:
    _refuse_public_secrets(command)
    if isinstance(command.value, list):
        words = [_scalar(item) for item in command.items()]
        return tuple(word for word in words if word is not None)
    if not command.is_set:
        return ()
    try:
        return tuple(shlex.split(command.string() or ""))
    except ValueError as error:
        command.add(f"{command.path} has an open quote or escape ({error})")
        return ()


def _refuse_public_secrets(setting: Cursor) -> None:
    """Report a secret where every user of the machine could read it."""
    for item in setting.items():
        if isinstance(item.value, str) and looks_like_a_secret(item.value):
            item.add(
                f"{item.path} contains a secret: write NAME: os.environ/NAME under environment:"
                " and put NAME into .env"
            )


def _environment(environment: Cursor) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, part in environment.mapping().items():
        if name in PROVIDED:
            part.add_at_name(f"{part.path} is set by gatewayctl: remove it")
        elif not VARIABLE_NAME.fullmatch(name):
            part.add_at_name(
                f"{environment.path}: {quote(name)} is not the name of an environment variable"
            )
        refuse_secrets(part, reader="the app")
        value = _scalar(part)
        if value is not None:
            found[name] = value
    return found


def _scalar(part: Cursor) -> str | None:
    """Read one string, number or boolean as a container gets it; null is empty."""
    value = part.value
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None or isinstance(value, str | int | float):
        text = "" if value is None else str(value)
        if "\x00" not in text:
            return text
    part.refuse("a string or a number")
    return None
