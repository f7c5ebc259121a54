from __future__ import annotations

import pytest

from gatewayctl.settings import fields
from gatewayctl.settings.env_example import env_example, env_prod_example
from gatewayctl.settings.fields import Field
from gatewayctl.settings.model import Secrets

ALL = (*fields.SCALARS, *fields.SECRETS)


def test_no_name_is_used_twice() -> None:
    names = [name for field in ALL for name in (field.yaml, field.env, field.flag) if name]

    assert len(names) == len(set(names))


@pytest.mark.parametrize("field", ALL, ids=lambda field: field.name)
def test_every_setting_is_explained(field: Field) -> None:
    assert field.help.endswith(".")
    assert field.name


def test_no_secret_can_be_given_in_gateway_yaml_or_as_a_flag() -> None:
    assert all(field.yaml is None and field.flag is None for field in fields.SECRETS)
    assert all(field.default is None for field in fields.SECRETS)


def test_every_secret_of_the_stack_has_a_row_that_generates_it() -> None:
    rows = {field.attribute for field in fields.SECRETS if field.generated}

    assert rows == set(Secrets.__dataclass_fields__)


def test_the_example_names_every_variable_and_holds_no_secret() -> None:
    lines = env_example().splitlines()

    for field in fields.SECRETS:
        assert f"{field.env}=" in lines
    for field in fields.SCALARS:
        assert f"#{field.env}={field.default_text}" in lines


def test_the_example_for_production_chooses_that_profile_and_holds_no_secret() -> None:
    lines = env_prod_example().splitlines()

    set_here = [line for line in lines if line and not line.startswith("#")]
    assert set_here[0] == "GATEWAYCTL_PROFILE=production"
    assert set_here[1:] == [f"{field.env}=" for field in fields.SECRETS]
    assert sum("GATEWAYCTL_PROFILE" in line for line in lines) == 1
