"""The text of ``docs/reference/settings.md``, generated from the tables of settings.

Owns its layout. This prints it: ``python -m gatewayctl.settings.reference_page``
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from typing import Final

from gatewayctl.settings import fields
from gatewayctl.settings.fields import Field, Kind, Setting
from gatewayctl.settings.sections import apps, components, keys, models

_INTRODUCTION: Final = """\
# Settings reference

Generated from the code by `python -m gatewayctl.settings.reference_page`.

Settings come from options of the command line, environment variables, `.env` and `gateway.yaml`, in
this order of precedence. All of them are optional. `gatewayctl init` writes a `gateway.yaml` with
every default, commented out.
"""
_SCALARS: Final = "## `gateway.yaml`, environment and `.env`\n"
_SECRETS: Final = """\
## Secrets

Only in the environment or in `.env`, never in `gateway.yaml`. `gatewayctl init` generates the ones
marked so.
"""
_MODELS: Final = """\
## `models.NAME`

Models by the name applications ask for. Declared models replace those of the reference stack; in
the development profile `demo` is added. `NAME: provider/name` is short for `model:`. All settings
but `params` are also read inside `params`.
"""
_KEYS: Final = """\
## `keys.ALIAS`

Virtual keys by their alias. Declared keys replace those of the reference stack. `ALIAS: VARIABLE`
is short for `env:`.
"""
_COMPONENTS: Final = """\
## `components.NAME`

Parts of an application that call models. Declared components replace those of the reference stack.
A list is short for `operations:`.
"""
_OPERATIONS: Final = "### `components.NAME.operations.NAME`\n"
_APPS: Final = """\
## `apps.NAME`

Your own services next to the gateway, in Docker; none by default. `NAME: IMAGE` is short for
`image:`.
"""
_TYPES: Final[Mapping[Kind, str]] = {
    "name": "string",
    "address": "IP address",
    "count": "integer from 1",
    "port": "port",
    "seconds": "seconds",
    "image": "image",
}


def render_page() -> str:
    """Render the whole page."""
    secrets = [
        (f"`{field.env}`", "yes" if field.generated else "", field.help) for field in fields.SECRETS
    ]
    return "\n".join(
        (
            _INTRODUCTION,
            _SCALARS,
            _table(
                "setting | type | default | variable, option | description",
                map(_scalar, fields.SCALARS),
            ),
            _SECRETS,
            _table("variable | generated | description", secrets),
            *(_MODELS, _section(models.SETTINGS)),
            *(_KEYS, _section(keys.SETTINGS)),
            *(_COMPONENTS, _section(components.SETTINGS)),
            *(_OPERATIONS, _section(components.OPERATION_SETTINGS)),
            *(_APPS, _section(apps.SETTINGS)),
        )
    )


def _scalar(field: Field) -> tuple[str, ...]:
    kind = ", ".join(f"`{choice}`" for choice in field.choices) or _TYPES[field.kind]
    default = "" if field.default is None else f"`{field.default}`"
    also = ", ".join(f"`{name}`" for name in (field.env, field.flag) if name)
    return f"`{field.yaml}`", kind, default, also, field.help


def _section(settings: Mapping[str, Setting]) -> str:
    rows = ((f"`{name}`", *setting) for name, setting in settings.items())
    return _table("setting | type | default | description", rows)


def _table(head: str, rows: Iterable[tuple[str, ...]]) -> str:
    columns = head.count("|") + 1
    lines = (f"| {' | '.join(row)} |\n" for row in rows)
    return f"| {head} |\n|{'---|' * columns}\n{''.join(lines)}"


if __name__ == "__main__":
    sys.stdout.write(render_page())
