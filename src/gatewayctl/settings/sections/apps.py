"""The ``apps:`` of gateway.yaml: services of the user's own, beside the gateway.

Owns the reading of one section, and its checks against the keys and the ports. Must not
know how a service is run.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final

from gatewayctl.settings import image, reference, typed
from gatewayctl.settings.document import Node
from gatewayctl.settings.model import App, DeclaredKey
from gatewayctl.settings.plain_secrets import looks_like_a_secret, refuse_secrets
from gatewayctl.settings.problems import Problems, quote, suggest
from gatewayctl.settings.scalars import port_number

SETTINGS: Final = ("image", "build", "ports", "key", "command", "environment")
GIVEN: Final = ("LLM_BASE_URL", "LLM_API_KEY")
"""What every app gets, so nobody else sets it."""
TAKEN: Final = ("litellm", "phoenix", "postgres", "postgres-litellm", "postgres-phoenix", "redis")
"""Services of the stack, in any runtime."""

# A name others can reach it by: a label of DNS.
_NAME: Final = re.compile(r"[a-z0-9]([a-z0-9\-]{0,61}[a-z0-9])?")
_PAIR: Final = re.compile(r"(?:([0-9]{1,5}):)?([0-9]{1,5})")


def parse_apps(
    node: Node | None, keys: Iterable[DeclaredKey], problems: Problems
) -> tuple[App, ...]:
    """The declared apps by name, each with the alias of a declared key; none by default."""
    if node is None or node.value is None:
        return ()
    aliases = tuple(key.alias for key in keys)
    entries = typed.mapping(node, "apps", problems)
    apps = [_app(name, entry, aliases, problems) for name, entry in sorted(entries.items())]
    return tuple(app for app in apps if app is not None)


def check_app_ports(
    apps: Iterable[App], node: Node | None, ports: Mapping[str, int], problems: Problems
) -> None:
    """Note each port of the host that two services would listen on.

    ``ports`` are those of the stack, by the dotted names of their settings.
    """
    holders = {port: name for name, port in ports.items()}
    for app in apps:
        what = f"apps.{app.name}.ports"
        for port in app.ports:
            other = holders.setdefault(port, what)
            place = None if node is None else node.at(f"{app.name}.ports")
            if other != what and place is not None:
                problems.add(place.source, f"port {port} is used twice: {other} and {what}")


def _app(name: str, node: Node, aliases: tuple[str, ...], problems: Problems) -> App | None:
    what = f"apps.{name}"
    _check_name(name, node, problems)
    # A text alone is the image.
    given = {"image": node} if isinstance(node.value, str) else typed.mapping(node, what, problems)
    typed.known_names(given, SETTINGS, what, problems)
    parts = {part: given.get(part) for part in SETTINGS}
    _check_origin(parts, node, what, problems)
    return App(
        name=name,
        image=_image(parts["image"], what, problems),
        build=_build(parts["build"], what, problems),
        ports=MappingProxyType(_ports(parts["ports"], f"{what}.ports", problems)),
        key=_key(parts["key"], node, aliases, what, problems),
        command=_command(parts["command"], f"{what}.command", problems),
        environment=MappingProxyType(
            _environment(parts["environment"], f"{what}.environment", problems)
        ),
    )


def _check_name(name: str, node: Node, problems: Problems) -> None:
    if name in TAKEN:
        problems.add(node.named, f"apps.{name}: {name} is a service of the stack, choose another")
    elif not _NAME.fullmatch(name):
        problems.add(
            node.named,
            "the name of an app may hold lower-case letters, digits and hyphens,"
            f" up to 63, not {quote(name)}",
        )


def _check_origin(
    parts: Mapping[str, Node | None], node: Node, what: str, problems: Problems
) -> None:
    origins = [part for part in (parts["image"], parts["build"]) if part is not None]
    if len(origins) == 2:
        problems.add(origins[1].named, f"{what} has both image and build: keep one")
    # Anything but a mapping was noted already.
    elif not origins and (node.value is None or isinstance(node.value, dict)):
        problems.add(node.named, f"{what} needs image: or build:, the folder of its Dockerfile")


def _image(node: Node | None, what: str, problems: Problems) -> str | None:
    if node is None:
        return None
    fault = image.fault(node.value)
    if fault:
        problems.add(node.source, f"{what}.image {fault}")
        return None
    return str(node.value)


def _build(node: Node | None, what: str, problems: Problems) -> str | None:
    if node is None:
        return None
    folder = typed.text(node, f"{what}.build", problems)
    _refuse_shown(node, f"{what}.build", problems)
    return folder


def _key(
    node: Node | None, app: Node, aliases: tuple[str, ...], what: str, problems: Problems
) -> str:
    if node is None or node.value is None:
        if not aliases:
            problems.add(app.named, f"{what} calls models with a virtual key: declare one in keys:")
            return ""
        usual = reference.KEYS[0].alias
        return usual if usual in aliases else aliases[0]
    if isinstance(node.value, str) and node.value in aliases:
        return node.value
    near = f" {suggest(node.value, aliases)}" if isinstance(node.value, str) else ""
    problems.add(
        node.source,
        f"{what}.key must be the alias of a declared key, not {quote(node.plain())}{near}",
    )
    return ""


def _ports(node: Node | None, what: str, problems: Problems) -> dict[int, int]:
    """Ports of the host to ports of the container, from any way to write them."""
    found: dict[int, int] = {}
    for host, inside, place in _pairs(node, what, problems):
        if host in found:
            problems.add(place.source, f"port {host} is given twice in {what}")
        found[host] = inside
    return found


def _pairs(node: Node | None, what: str, problems: Problems) -> Iterable[tuple[int, int, Node]]:
    if node is None or node.value is None:
        return
    if isinstance(node.value, dict):
        items: list[tuple[Any, Node]] = [
            (f"{host}:{to.plain()}", to) for host, to in node.value.items()
        ]
    else:
        each = node.value if isinstance(node.value, list) else [node]
        items = [(item.plain(), item) for item in each]
    for value, place in items:
        found = _PAIR.fullmatch(str(value)) if isinstance(value, str | int) else None
        inside = port_number(found[2]) if found else None
        host = port_number(found[1] or found[2]) if found else None
        if host is None or inside is None:
            # YAML reads 8022:22 without quotes as a number in base 60.
            problems.add(
                place.source,
                f'{what} must be like "8080:80", the host\'s port first and in quotes,'
                f" not {quote(value)}",
            )
        else:
            yield host, inside, place


def _command(node: Node | None, what: str, problems: Problems) -> tuple[str, ...]:
    if node is None or node.value is None:
        return ()
    _refuse_shown(node, what, problems)
    if isinstance(node.value, list):
        words = [_plain(item, f"each of {what}", problems) for item in node.value]
        return tuple(word for word in words if word is not None)
    text = typed.text(node, what, problems)
    try:
        return tuple(shlex.split(text or ""))
    except ValueError as error:
        problems.add(node.source, f"{what} has an open quote or escape ({error})")
        return ()


def _refuse_shown(node: Node, what: str, problems: Problems) -> None:
    """Note a secret where everybody on the machine could read it."""
    for part in node.value if isinstance(node.value, list) else [node]:
        if isinstance(part.value, str) and looks_like_a_secret(part.value):
            problems.add(
                part.source,
                f"{what} holds a secret: write NAME: os.environ/NAME under environment:"
                " and put NAME into .env",
            )


def _environment(node: Node | None, what: str, problems: Problems) -> dict[str, str]:
    if node is None:
        return {}
    found: dict[str, str] = {}
    for name, part in typed.mapping(node, what, problems).items():
        if name in GIVEN:
            problems.add(part.named, f"{what}: {name} comes from the gateway and the app's key:")
        elif not typed.VARIABLE_NAME.fullmatch(name):
            problems.add(part.named, f"{what}: {quote(name)} is no name of a variable")
        refuse_secrets(part, f"{what}.{name}", problems, name=name, reader="the app")
        value = _plain(part, f"{what}.{name}", problems)
        if value is not None:
            found[name] = value
    return found


def _plain(node: Node, what: str, problems: Problems) -> str | None:
    """One text, number or switch as a container gets it; nothing written is empty."""
    value = node.value
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None or isinstance(value, str | int | float):
        text = "" if value is None else str(value)
        if "\x00" not in text:
            return text
    problems.add(node.source, f"{what} must be one text or number, not {quote(node.plain())}")
    return None
