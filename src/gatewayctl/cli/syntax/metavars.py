"""What the help calls the value of an option or argument: SECONDS, NAME, or its choices.

Owns the layout of choices. Without it, Typer adds the type to every argument (``ALIAS <str>``) and
writes choices like a type (``<ok|error>``).
"""

from __future__ import annotations

import copy
from typing import Any


def name_values(command: Any) -> None:
    """Show each value by its name alone, and each choice by its values."""
    for parameter in command.params:
        choices = getattr(parameter.type, "choices", None)
        if choices and parameter.metavar is None:
            parameter.metavar = "|".join(choices)
        if parameter.param_type_name == "argument":
            parameter.type = copy.copy(parameter.type)
            parameter.type.get_metavar = _no_type


def _no_type(param: Any, ctx: Any) -> str:
    return ""
