from __future__ import annotations

from pathlib import Path

import pytest

from gatewayctl.settings.declared.apps import App
from tests.fakes.projects import problems, project

DAY = "sk-" + "0123456789abcdef" * 2


def app(folder: Path, body: str) -> App:
    (found,) = project(folder, f"apps:\n  a: {body}\n").apps
    return found


def complaint(folder: Path, body: str) -> str:
    """The one problem of an app, without its place."""
    (found,) = problems(folder, f"apps:\n  a: {body}\n")
    assert found.startswith("gateway.yaml line 2 column ")
    return found.split(": ", 1)[1]


def test_there_are_no_apps_by_default(tmp_path: Path) -> None:
    assert project(tmp_path).apps == ()
    assert project(tmp_path, "apps:\n").apps == ()


def test_every_setting_of_an_app_is_read_and_apps_are_sorted_by_name(tmp_path: Path) -> None:
    settings = project(
        tmp_path,
        "apps:\n  web: shop/web:3\n  api:\n    build: ./api\n    key: litellm-eval\n"
        '    ports: ["8080:80", 9000]\n    command: run --name "two words"\n'
        "    environment: {A: text, B: 1, C: true, D:, E: os.environ/OTHER}\n",
    )

    assert settings.apps == (
        App(
            name="api",
            build="./api",
            ports={8080: 80, 9000: 9000},
            key="litellm-eval",
            command=("run", "--name", "two words"),
            environment={"A": "text", "B": "1", "C": "true", "D": "", "E": "os.environ/OTHER"},
        ),
        App(name="web", image="shop/web:3", key="litellm-dev"),
    )


@pytest.mark.parametrize(
    "ports",
    [
        '"8080:80"',
        '["8080:80"]',
        '{"8080": 80}',
        '{"8080": "80"}',
        "{8080: 80}",
        "{8080: '80'}",
        "8080:80",
    ],
)
def test_ports_may_be_written_in_any_notation(tmp_path: Path, ports: str) -> None:
    assert app(tmp_path, f"{{image: x, ports: {ports}}}").ports == {8080: 80}


def test_a_command_may_be_a_list(tmp_path: Path) -> None:
    assert app(tmp_path, "{image: x, command: [a, 'b c', 1]}").command == ("a", "b c", "1")


def test_without_the_usual_key_it_is_the_first_one_declared(tmp_path: Path) -> None:
    first = project(tmp_path / "1", "keys: {one: ONE, two: TWO}\napps: {a: x}\n")
    usual = project(tmp_path / "2", "keys: {one: ONE, litellm-dev: TWO}\napps: {a: x}\n")

    assert [found.apps[0].key for found in (first, usual)] == ["one", "litellm-dev"]


def test_an_app_in_a_project_without_keys_is_refused(tmp_path: Path) -> None:
    (found,) = problems(tmp_path, "keys: {}\napps:\n  a: x\n")

    assert found.startswith("gateway.yaml line 3 column 3: ")
    assert found.endswith("apps.a calls models with a virtual key: declare one in keys:")


def test_an_unknown_key_is_answered_with_the_nearest_alias(tmp_path: Path) -> None:
    assert complaint(tmp_path, "{image: x, key: litellm-deb}") == (
        "apps.a.key must be the alias of a declared key, not 'litellm-deb'"
        " (did you mean 'litellm-dev'?)"
    )


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("{}", "apps.a needs image: or build:"),
        ("{image: x, build: y}", "apps.a has both image and build: keep one"),
        ("7", "apps.a must be a mapping, not '7'"),
        ("{image: 'X y'}", "apps.a.image must be an image"),
        ("{build: []}", "apps.a.build must be a string"),
        ("{build: 'https://me:secret@git/x'}", "apps.a.build contains a secret"),
        ("{image: x, volumes: [y]}", "unknown setting 'volumes' in apps.a"),
        ("{image: x, key: 5}", "apps.a.key must be the alias of a declared key, not '5'"),
        ("{image: x, ports: [http]}", 'apps.a.ports must be like "8080:80"'),
        ("{image: x, ports: ['0:80']}", 'apps.a.ports must be like "8080:80"'),
        ("{image: x, ports: ['8080:70000']}", 'apps.a.ports must be like "8080:80"'),
        ("{image: x, ports: [8022:22]}", 'apps.a.ports must be like "8080:80"'),
        ("{image: x, ports: {0: 80}}", "not '0:80'"),
        ("{image: x, ports: {-1: 80}}", "not '-1:80'"),
        ("{image: x, ports: {70000: 80}}", "not '70000:80'"),
        ("{image: x, ports: {8080: 0}}", "not '8080:0'"),
        ("{image: x, ports: {8080: 70000}}", "not '8080:70000'"),
        ("{image: x, ports: {8080: http}}", "not '8080:http'"),
        ("{image: x, ports: {8080: true}}", 'apps.a.ports must be like "8080:80"'),
        ("{image: x, ports: {8080: [80]}}", 'apps.a.ports must be like "8080:80"'),
        ("{image: x, ports: {http: 80}}", "not 'http:80'"),
        ("{image: x, ports: {0x1f90: 80}}", "a name must be a string"),
        ("{image: x, ports: {010: 80}}", "a name must be a string"),
        ("{image: x, ports: {80.5: 80}}", "a name must be a string"),
        ("{image: x, ports: {8080: 1, '8080': 2}}", "'8080' is given twice"),
        ("{image: x, environment: {8080: x}}", "a name must be a string"),
        ("{image: x, ports: [[1]]}", 'apps.a.ports must be like "8080:80"'),
        ("{image: x, ports: ['1:2', '1:3']}", "port 1 is given twice in apps.a.ports"),
        ("{image: x, command: 'a \"b'}", "apps.a.command has an open quote or escape"),
        ("{image: x, command: [[a]]}", "apps.a.command[0] must be a string or a number"),
        ("{image: x, command: {a: b}}", "apps.a.command must be a string"),
        (f"{{image: x, command: [--key, {DAY}]}}", "apps.a.command[1] contains a secret"),
        ("{image: x, environment: [A=1]}", "apps.a.environment must be a mapping"),
        ("{image: x, environment: {A: [1]}}", "apps.a.environment.A must be a string or a number"),
        ("{image: x, environment: {a-b: 1}}", "'a-b' is not the name of an environment variable"),
        (
            "{image: x, environment: {LLM_API_KEY: x}}",
            "LLM_API_KEY is set by gatewayctl",
        ),
        (f"{{image: x, environment: {{A: {DAY}}}}}", "apps.a.environment.A contains a secret"),
        ("{image: x, environment: {DB_PASSWORD: hush}}", "write os.environ/NAME instead"),
        (
            "{image: x, environment: {A: os.environ/LITELLM_MASTER_KEY}}",
            "it would send that secret to the app",
        ),
        ('{image: x, environment: {A: "a\\0b"}}', "must be a string or a number"),
    ],
)
def test_a_wrong_app_is_refused_with_a_message(tmp_path: Path, body: str, message: str) -> None:
    found = problems(tmp_path, f"apps:\n  a: {body}\n")

    assert any(message in line for line in found), found
    assert all(line.startswith("gateway.yaml line 2 column ") for line in found)
    assert DAY not in "".join(found)
    assert "hush" not in "".join(found)


@pytest.mark.parametrize("name", ["Api", "a_b", "-a", "a-", '"a b"', '"a:\\n  x"', "a" * 64])
def test_the_name_of_an_app_must_be_a_host_name(tmp_path: Path, name: str) -> None:
    (found,) = problems(tmp_path, f"apps:\n  {name}: x\n")

    assert "the name of an app must contain only lower-case letters, digits and hyphens" in found


@pytest.mark.parametrize(
    "name", ["litellm", "phoenix", "postgres-litellm", "postgres-phoenix", "postgres", "redis"]
)
def test_an_app_cannot_have_the_name_of_a_service(tmp_path: Path, name: str) -> None:
    (found,) = problems(tmp_path, f"apps:\n  {name}: x\n")

    assert found.endswith(f"apps.{name}: {name} is a service of the stack, choose another name")


def test_a_port_of_the_stack_or_of_another_app_is_refused(tmp_path: Path) -> None:
    found = problems(
        tmp_path,
        'apps:\n  a: {image: x, ports: ["4000:80"]}\n  b: {image: x, ports: [9000]}\n'
        "  c: {image: x, ports: [9000]}\n  d: {image: x, ports: {6006: 80, 9000: 1}}\n",
    )

    assert [line.split(": ", 1)[1] for line in found] == [
        "port 4000 is used twice: ports.litellm and apps.a.ports",
        "port 9000 is used twice: apps.b.ports and apps.c.ports",
        "port 6006 is used twice: ports.phoenix and apps.d.ports",
        "port 9000 is used twice: apps.b.ports and apps.d.ports",
    ]


def test_all_problems_of_all_apps_are_found_at_once(tmp_path: Path) -> None:
    found = problems(
        tmp_path, "apps:\n  a: {key: x}\n  B: {image: 'x y'}\nimages: {redis: redis}\n"
    )

    assert len(found) == 5


def test_what_an_app_refers_to_is_read_from_env(tmp_path: Path) -> None:
    settings = project(
        tmp_path, "apps: {a: {image: x, environment: {P: os.environ/SHOP}}}\n", env="SHOP=pw\n"
    )

    assert settings.environment["SHOP"].reveal() == "pw"
