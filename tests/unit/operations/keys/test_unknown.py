from __future__ import annotations

import pytest

from gatewayctl.operations.keys.create import ensure_declared_keys
from gatewayctl.operations.keys.provision import generate_key_secret
from tests.fakes.litellm import error
from tests.unit.operations.keys.desk import SECRET, Desk

BATCH = generate_key_secret().reveal()


def warnings(desk: Desk) -> tuple[str, ...]:
    return desk.run(lambda settings, gateway, **_: ensure_declared_keys(settings, gateway)).warnings


def test_a_key_in_env_that_neither_litellm_nor_gateway_yaml_has_is_warned_of(desk: Desk) -> None:
    desk.healthy()
    desk.write(f"APP_KEY={SECRET}", f"BATCH_KEY={BATCH}")

    (warning,) = warnings(desk)

    assert warning == (
        "BATCH_KEY in .env holds a virtual key that LiteLLM does not have. Create it again with"
        " `gatewayctl keys create ALIAS --env BATCH_KEY`, or delete the line of .env."
    )


@pytest.mark.parametrize(
    "line",
    [
        "OPENAI_API_KEY=" + BATCH,
        "OTHER_PROGRAM=sk-proj-0123456789abcdef0123456789abcdef0123",
        "OTHER_PROGRAM=words",
    ],
    ids=["of a provider", "of another form", "no key"],
)
def test_what_no_virtual_key_of_ours_can_be_is_not_looked_up(desk: Desk, line: str) -> None:
    desk.healthy()
    desk.write(f"APP_KEY={SECRET}", line)

    assert warnings(desk) == ()
    assert "/key/info" not in desk.fake.paths()


def test_a_live_key_that_is_not_declared_is_no_problem(desk: Desk) -> None:
    desk.healthy()
    desk.write(f"APP_KEY={SECRET}", f"BATCH_KEY={BATCH}")
    desk.add(BATCH, "batch", metadata={"gatewayctl_env": "BATCH_KEY"})

    assert warnings(desk) == ()


def test_a_lookup_that_fails_is_no_failure_of_the_keys(desk: Desk) -> None:
    desk.healthy()
    desk.write(f"APP_KEY={SECRET}", f"BATCH_KEY={BATCH}")
    desk.fake.planted["/key/info"] = lambda _: error(500, "no", kind="internal_server_error")

    assert warnings(desk) == ()
