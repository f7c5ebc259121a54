from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from gatewayctl.operations.backup.create import BackupReport, Contents
from gatewayctl.operations.backup.loss import Loss
from gatewayctl.operations.backup.reset import ResetOptions, ResetReport
from gatewayctl.operations.backup.restore import RestoreReport
from gatewayctl.operations.backup.settings_files import FileOutcome, RestoredFile
from gatewayctl.operations.diagnosis.health import ServiceReport
from gatewayctl.operations.keys.create import KeysCreateReport
from gatewayctl.operations.keys.provision import KeyResult
from gatewayctl.output import backup
from gatewayctl.settings.model import Secret
from tests.unit.output.test_stack import HIDDEN, SERVICES, shown

AT = datetime(2026, 11, 23, 14, 0, 5, tzinfo=UTC)
CONTENTS = Contents(virtual_keys=2, spend_logs=7, traces=4, spans=11)
KEY = "sk-virtual-0123456789abcdefWXYZ"


def keys_report(*, written: bool) -> KeysCreateReport:
    made = KeyResult(
        alias="litellm-dev",
        env="LITELLM_API_KEY",
        status="created" if written else "registered",
        key=Secret(KEY),
        models=(),
        metadata={},
        expires=None,
        written=written,
    )
    return KeysCreateReport(keys=(made,), failed=(), env_file=Path(".env"), warnings=(HIDDEN,))


def reset_report(*, traces_lost: bool = False, written: bool = True) -> ResetReport:
    return ResetReport(
        project="shop",
        lost=Loss(keys=1, spend=0.0),
        traces_lost=traces_lost,
        backup=Path("/p/before.gatewayctl-backup"),
        services=SERVICES,
        keys=keys_report(written=written),
    )


def restore_report(**fields: object) -> RestoreReport:
    defaults: dict[str, object] = {
        "project": "shop",
        "file": Path("/p/a.gatewayctl-backup"),
        "made_at": AT,
        "before": Path("/p/before.gatewayctl-backup"),
        "contents": CONTENTS,
        "rows": {"litellm": 12, "phoenix": 15},
        "env_changed": ("LITELLM_API_KEY",),
        "config": "kept",
        "key": "LITELLM_API_KEY",
        "key_opens": True,
        "credential": "none_stored",
        "services": SERVICES,
        "seconds": 20.0,
    }
    return RestoreReport(**{**defaults, **fields})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (None, "-"),
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1000, "1.0 kB"),
        (12_600_000, "12.6 MB"),
        (3_200_000_000_000, "3.2 TB"),
        (5_000_000_000_000_000, "5000.0 TB"),
    ],
)
def test_bytes_are_formatted_in_a_fitting_unit(count: int | None, text: str) -> None:
    assert backup.format_size(count) == text


@pytest.mark.parametrize("encrypted", [True, False])
def test_a_backup_shows_its_file_and_whether_it_is_encrypted(
    encrypted: bool,
) -> None:
    report = BackupReport(
        project="shop",
        file=Path("/p/a.gatewayctl-backup"),
        size=1_000_000,
        encrypted=encrypted,
        made_at=AT,
        versions={},
        contents=CONTENTS,
        seconds=0.61,
    )

    text = shown(backup.render_backup(report))

    assert "/p/a.gatewayctl-backup" in text
    assert ("encrypted" in text[1], "holds secrets" in text[1]) == (encrypted, not encrypted)
    assert "2 virtual keys, 7 logged requests, 4 traces with 11 spans" in text[0]


def test_a_restore_shows_what_was_verified_and_where_the_previous_data_is() -> None:
    text = shown(backup.render_restore(restore_report()))

    assert text[0] == "Restored shop as it was at 2026-11-23 14:00:05 UTC:"
    assert "  rows: 12 in litellm, 15 in phoenix, every table as backed up" in text
    assert "  virtual key: LITELLM_API_KEY accepted by the gateway" in text
    assert "  stored credentials: none stored" in text
    assert text[-1] == "Backup of the previous data: /p/before.gatewayctl-backup"
    assert max(len(line) for line in text) <= 80


def test_a_restore_shows_what_could_not_be_verified_and_what_differs() -> None:
    none = shown(backup.render_restore(restore_report(key=None, key_opens=None)))
    refused = shown(backup.render_restore(restore_report(key_opens=False, config="kept_different")))

    assert any("has no usable one" in line for line in none)
    assert any("LITELLM_API_KEY refused" in line for line in refused)
    assert any("gateway.yaml differs" in line for line in refused)


def test_a_restore_shows_what_was_done_with_each_file_of_the_project() -> None:
    states: tuple[FileOutcome, ...] = ("restored", "kept", "kept_different", "outside")
    files = tuple(RestoredFile(path=f"{state}.txt", state=state) for state in states)
    more = tuple(RestoredFile(path=f"{n}.txt", state="restored") for n in range(12))

    text = shown(backup.render_restore(restore_report(files=files)))
    many = shown(backup.render_restore(restore_report(files=more)))

    assert "Files written: restored.txt" in text
    assert "Files kept, the same as in the backup: kept.txt" in text
    assert "Warning: kept, though different in the backup: kept_different.txt" in text
    assert "Warning: not written, because a link leads to another place: outside.txt" in text
    assert any("9.txt and 2 more" in line for line in many)


@pytest.mark.parametrize(
    ("lost", "text"),
    [
        (Loss(keys=3, spend=1.23456), "3 virtual keys, spend $1.2346"),
        (Loss(keys=0, spend=0.0), "0 virtual keys, spend $0.0000"),
        (Loss(keys=None, spend=None), "unknown number of virtual keys (also those not"),
        (Loss(keys=1, spend=0.0, requests=7, size=4096), "database (4.1 kB): 1 virtual keys"),
        (Loss(keys=1, spend=0.0, requests=7), "spend $0.0000 over 7 logged requests"),
    ],
)
def test_what_a_reset_loses_is_a_sentence(lost: Loss, text: str) -> None:
    assert text in backup.loss_sentence(lost, ResetOptions())
    assert "Traces in Phoenix stay" in backup.loss_sentence(lost, ResetOptions())


def test_a_reset_of_everything_counts_the_traces_too() -> None:
    lost = Loss(keys=1, spend=0.0, traces=4, traces_size=2_000_000)

    everything = ResetOptions(everything=True)

    assert "4 traces (2.0 MB)" in backup.loss_sentence(lost, everything)
    assert "stay" not in backup.loss_sentence(lost, everything)
    assert "traces" in backup.describe_loss(lost, everything)
    assert "traces" not in backup.describe_loss(lost, ResetOptions())


def test_keys_that_a_reset_does_not_create_again_are_counted_and_named() -> None:
    aliases = tuple(f"app-{number}" for number in range(12))
    lost = Loss(keys=15, spend=0.0, foreign_keys=aliases, undeclared_keys=("batch",))

    for text in (
        backup.loss_sentence(lost, ResetOptions()),
        backup.describe_loss(lost, ResetOptions()),
    ):
        assert "12 not created by gatewayctl: app-0, app-1" in text
        assert "app-9 and 2 more; 1 not declared in gateway.yaml: batch)" in text
    assert "--keep-keys keeps every virtual key" in backup.loss_sentence(lost, ResetOptions())
    assert "--keep-keys" not in backup.loss_sentence(Loss(keys=2, spend=0.0), ResetOptions())


def test_keys_that_are_kept_are_not_among_what_is_lost() -> None:
    lost = Loss(keys=2, spend=0.0, foreign_keys=("app",))
    options = ResetOptions(keep_keys=True, everything=True)

    assert "but keeps 2 virtual keys" in backup.loss_sentence(lost, options)
    assert "app" not in backup.loss_sentence(lost, options)
    text = "all spend of LiteLLM and all traces in Phoenix"
    assert backup.describe_loss(lost, options) == text


def test_a_reset_without_a_backup_warns_about_it() -> None:
    assert "NO backup" in backup.loss_sentence(Loss(keys=1, spend=0.0), ResetOptions(backup=False))


def test_a_reset_shows_the_new_keys_by_name_and_the_backup() -> None:
    text = shown(backup.render_reset(reset_report()))

    assert "Virtual key litellm-dev created, in .env as LITELLM_API_KEY" in text
    assert f"Warning: {HIDDEN}" in text
    assert "Backup of the previous data: /p/before.gatewayctl-backup" in text
    assert KEY not in "\n".join(text)
    assert text[-1].startswith("Next: restart your applications")


def test_kept_keys_need_no_restart_of_applications() -> None:
    text = "\n".join(shown(backup.render_reset(reset_report(written=False, traces_lost=True))))

    assert "Next" not in text
    assert "so was Phoenix's" in text


def test_the_services_are_a_table_in_every_report() -> None:
    assert all(isinstance(service, ServiceReport) for service in SERVICES)
    for report in (backup.render_restore(restore_report()), backup.render_reset(reset_report())):
        assert any(line.startswith("SERVICE") for line in shown(report))
