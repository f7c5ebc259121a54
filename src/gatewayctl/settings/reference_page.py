"""The text of ``docs/reference/settings.md``, generated from the tables of settings.

Owns its layout. This prints it: ``python -m gatewayctl.settings.reference_page``
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from typing import Final

from gatewayctl.settings import fields
from gatewayctl.settings.fields import Field, Kind, Setting
from gatewayctl.settings.sections import (
    apps,
    components,
    embedded,
    keys,
    kubernetes,
    kubernetes_ingress,
    kubernetes_resources,
    models,
    owners,
    retention,
    services,
    trace_contents,
    tracing,
)

_PAGE: Final = """\
# Settings reference

Generated from the code by `python -m gatewayctl.settings.reference_page`.

Settings come from options of the command line, environment variables, `.env` and `gateway.yaml`, in
this order of precedence. All of them are optional. `gatewayctl init` writes a `gateway.yaml` with
every default, commented out.

## `gateway.yaml`, environment and `.env`

{scalars}
## Secrets

Only in the environment or in `.env`, never in `gateway.yaml`. `gatewayctl init` generates the ones
marked so.

{secrets}
## `models.NAME`

Models by the name applications ask for. Declared models replace those of the reference stack; in
the development profile `demo` is added. `NAME: provider/name` is short for `model:`. All settings
but `params` are also read inside `params`.

{models}
## `keys.ALIAS`

Virtual keys by their alias. Declared keys replace those of the reference stack. `ALIAS: VARIABLE`
is short for `env:`.

{keys}
## `teams.NAME`

Teams by their id in LiteLLM; none by default. A key belongs to one by `team: NAME`.

{teams}
## `users.NAME`

Users by their id in LiteLLM; none by default. A key belongs to one by `user: NAME`.

{users}
## `components.NAME`

Parts of an application that call models. Declared components replace those of the reference stack.
A list is short for `operations:`.

{components}
### `components.NAME.operations.NAME`

{operations}
## `embedded`

Only for the embedded runtime.

{embedded}
## `apps.NAME`

Your own services next to the gateway, in Docker or Kubernetes; none by default. `NAME: IMAGE` is
short for `image:`.

{apps}
## `kubernetes`

Only for the runtime kubernetes.

{kubernetes}
### `kubernetes.autoscaling`

{autoscaling}
### `kubernetes.storage`

{storage}
### `kubernetes.ingress`

{ingress}
## `services.postgres`

LiteLLM's database on a server that others run; the project's own by default. `postgres: VARIABLE`
is short for `url_env:`.

{postgres}
## `tracing`

Where traces go; by default to a Phoenix of the project's own. One store, a list of stores, or
stores by name; `phoenix` is the own one, `none` turns traces off. An address alone is short for
`endpoint:`.

{tracing}
What is sent of each request, beside the one store or the names of several:

{trace_contents}
## `retention`

How long traces and spend logs are kept. By default nothing is deleted. See
[Retention](../configuration.md#retention).

{retention}"""
_TYPES: Final[Mapping[Kind, str]] = {
    "name": "string",
    "address": "IP address",
    "count": "integer from 1",
    "port": "port",
    "optional_port": "port or `none`",
    "seconds": "seconds",
    "image": "image",
    "registry": "registry",
    "file": "path",
    "url": "URL",
}


def render_page() -> str:
    """Render the whole page."""
    return _PAGE.format(
        scalars=_table(
            "setting | type | default | variable, option | description",
            map(_scalar, fields.SCALARS),
        ),
        secrets=_table("variable | generated | description", map(_secret, fields.SECRETS)),
        models=_section(models.SETTINGS),
        keys=_section(keys.SETTINGS | keys.LIMIT_SETTINGS),
        teams=_section(owners.TEAM_SETTINGS),
        users=_section(owners.USER_SETTINGS),
        components=_section(components.SETTINGS),
        operations=_section(components.OPERATION_SETTINGS),
        embedded=_section(embedded.SETTINGS),
        apps=_section(apps.SETTINGS),
        kubernetes=_section(kubernetes.SETTINGS),
        autoscaling=_section(kubernetes.AUTOSCALING_SETTINGS),
        storage=_section(kubernetes_resources.SETTINGS),
        ingress=_section(kubernetes_ingress.SETTINGS),
        postgres=_section(services.POSTGRES_SETTINGS),
        tracing=_section(tracing.SETTINGS),
        trace_contents=_section(trace_contents.SETTINGS),
        retention=_section(retention.SETTINGS),
    )


def _scalar(field: Field) -> tuple[str, ...]:
    kind = ", ".join(f"`{choice}`" for choice in field.choices) or _TYPES[field.kind]
    default = f"`{field.default_text}`" if field.default_text else ""
    also = ", ".join(f"`{name}`" for name in (field.env, field.flag) if name)
    return f"`{field.yaml}`", kind, default, also, field.help


def _secret(field: Field) -> tuple[str, ...]:
    return f"`{field.env}`", "yes" if field.generated else "", field.help


def _section(settings: Mapping[str, Setting]) -> str:
    rows = ((f"`{name}`", *setting) for name, setting in settings.items())
    return _table("setting | type | default | description", rows)


def _table(head: str, rows: Iterable[tuple[str, ...]]) -> str:
    lines = (f"| {' | '.join(row)} |\n" for row in rows)
    return f"| {head} |\n|{'---|' * (head.count('|') + 1)}\n{''.join(lines)}"


if __name__ == "__main__":
    sys.stdout.write(render_page())
