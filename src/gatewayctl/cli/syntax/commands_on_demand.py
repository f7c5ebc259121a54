"""The commands of a Typer application, each built when it is first asked for.

Typer builds all of them at every start: it inspects each function and evaluates its annotations,
a tenth of the time of a chat for forty commands of which one runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import typer
from typer.main import get_command_from_info, get_command_name, get_group_from_info
from typer.models import CommandInfo


class CommandsOnDemand(Mapping[str, Any]):
    """Commands and groups by name, in Typer's order; `prepare` gets each when it is built."""

    def __init__(self, contents: typer.Typer, prepare: Callable[[Any], None]) -> None:
        self._contents = contents
        self._prepare = prepare
        self._infos = {_name(each): each for each in contents.registered_commands}
        self._groups = {str(each.name): each for each in contents.registered_groups}
        self._built: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._built:
            command = self._build(name)
            self._prepare(command)
            self._built[name] = command
        return self._built[name]

    def __iter__(self) -> Iterator[str]:
        yield from self._infos
        yield from self._groups

    def __len__(self) -> int:
        return len(self._infos) + len(self._groups)

    def __contains__(self, name: object) -> bool:
        return name in self._infos or name in self._groups

    def _build(self, name: str) -> Any:
        mode = self._contents.rich_markup_mode
        if info := self._infos.get(name):
            return get_command_from_info(info, pretty_exceptions_short=True, rich_markup_mode=mode)
        return get_group_from_info(
            self._groups[name],
            pretty_exceptions_short=True,
            rich_markup_mode=mode,
            suggest_commands=self._contents.suggest_commands,
        )


def _name(info: CommandInfo) -> str:
    assert info.callback is not None  # noqa: S101 - as Typer asserts
    return info.name or get_command_name(info.callback.__name__)
