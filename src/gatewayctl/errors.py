"""Every failure gatewayctl can name: one class = one code + one exit code + a remedy.

    GatewayctlError
    ├── UsageProblem (2)            the command line asks for something that cannot be
    │   ├── UnknownComponent
    │   ├── EmptyPrompt
    │   └── ConfirmationRequired
    ├── SettingsProblem (3)         gateway.yaml, .env, environment
    │   ├── SettingsInvalid         all problems of one load, each with source and line
    │   ├── EnvFileMissing
    │   ├── MasterKeyMissing
    │   ├── MasterKeyWeak
    │   ├── EnvFileUnreadable
    │   ├── EnvFileUnwritable
    │   ├── EnvValueUnsafe
    │   ├── VirtualKeyMissing
    │   └── FileUnwritable
    ├── RuntimeProblem (4)          Docker or a process
    │   ├── RuntimeUnavailable
    │   ├── EnvironmentBroken
    │   ├── PortTaken
    │   ├── ServiceFailed
    │   ├── NotHealthy
    │   ├── NotHealthyInTime
    │   ├── MigrationFailed
    │   ├── DatabasePasswordRefused
    │   ├── UnknownService
    │   ├── TemplatesMissing
    │   └── Locked
    ├── Unreachable (5)
    │   ├── GatewayUnreachable
    │   ├── GatewayTimeout
    │   ├── PhoenixUnreachable
    │   └── TraceUnknown
    ├── Refused (6)                 the gateway answered, and the answer is no
    │   ├── GatewayRefused
    │   ├── MasterKeyRefused
    │   ├── VirtualKeyRefused
    │   ├── GatewayDatabaseMissing
    │   ├── UnknownModel
    │   ├── KeyAliasExists
    │   ├── UpstreamRefused
    │   └── UpstreamTimeout
    ├── NotVerified (7)
    │   └── PartlyDone
    ├── Drift (8)
    └── Interrupted (130)

Owns the exit codes of the command line contract. Must not know who raises or shows them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


class GatewayctlError(Exception):
    """Shown as a sentence and a hint (``remedy``, where the raise gives none); no traceback."""

    code: ClassVar[str] = "bug"
    exit_code: ClassVar[int] = 1
    remedy: ClassVar[str] = "Run again with -v for the traceback, and report it."

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint or self.remedy


class UsageProblem(GatewayctlError):
    """The command line asks for something that cannot be done."""

    code = "usage"
    exit_code = 2
    remedy = "See `gatewayctl --help`."


class UnknownComponent(UsageProblem):
    """A component that gateway.yaml does not declare."""

    code = "unknown_component"
    remedy = "Declare it under components: in gateway.yaml, or name a declared one."


class EmptyPrompt(UsageProblem):
    """Nothing to say to the model."""

    code = "empty_prompt"
    remedy = 'Give a prompt: gatewayctl chat "Hello", or pipe one in.'


class ConfirmationRequired(UsageProblem):
    """A destructive verb without a terminal to ask on and without --yes."""

    code = "confirmation_required"
    remedy = "Add --yes to confirm without a terminal."


class SettingsProblem(GatewayctlError):
    """gateway.yaml, .env or the environment cannot be used as they are."""

    code = "settings"
    exit_code = 3
    remedy = "Correct gateway.yaml, .env or the environment."


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One wrong setting: ``source`` reads like ``gateway.yaml line 7 column 3``."""

    source: str
    message: str

    def __str__(self) -> str:
        return f"{self.source}: {self.message}"


class SettingsInvalid(SettingsProblem):
    """One or more settings are wrong; ``problems`` lists every one with its source."""

    code = "settings_invalid"
    remedy = "Correct each line above; `gatewayctl init` writes a commented gateway.yaml."

    def __init__(
        self, message: str = "", *, hint: str | None = None, problems: tuple[Problem, ...] = ()
    ) -> None:
        super().__init__(message or "\n".join(str(problem) for problem in problems), hint=hint)
        self.problems = problems


class EnvFileMissing(SettingsProblem):
    """There is no .env, so there are no secrets and no keys yet."""

    code = "env_file_missing"
    remedy = "Run `gatewayctl init` (or `gatewayctl up`), which makes it."


class MasterKeyMissing(SettingsProblem):
    """LITELLM_MASTER_KEY is set nowhere."""

    code = "master_key_missing"
    remedy = "Run `gatewayctl init`: it generates LITELLM_MASTER_KEY into .env."


class MasterKeyWeak(SettingsProblem):
    """A master key LiteLLM refuses to start with, or that anybody could guess."""

    code = "master_key_weak"
    remedy = "Delete the LITELLM_MASTER_KEY line and run `gatewayctl init`: it generates one."


class EnvFileUnreadable(SettingsProblem):
    """The .env file exists but cannot be read as one."""

    code = "env_file_unreadable"
    remedy = "Make .env a text file in UTF-8 that you may read."


class EnvFileUnwritable(SettingsProblem):
    """The .env file cannot be written: read-only, disk full, not ours."""

    code = "env_file_unwritable"
    remedy = "Free space or permit writing; the file was left as it was."


class EnvValueUnsafe(SettingsProblem):
    """A name or value that Compose, sh and python-dotenv would read differently."""

    code = "env_value_unsafe"
    remedy = "Use a value without quotes, backslashes, dollar signs or line breaks."


class VirtualKeyMissing(SettingsProblem):
    """The variable that should hold the virtual key is empty."""

    code = "virtual_key_missing"
    remedy = "Run `gatewayctl keys create`, which writes it to .env."


class FileUnwritable(SettingsProblem):
    """A file of the project cannot be written."""

    code = "file_unwritable"
    remedy = "Free space or permit writing; files already written are complete."


class RuntimeProblem(GatewayctlError):
    """What runs the services failed."""

    code = "runtime"
    exit_code = 4
    remedy = "See `gatewayctl logs`."


class RuntimeUnavailable(RuntimeProblem):
    """The asked runtime cannot be used on this machine."""

    code = "runtime_unavailable"
    remedy = "Use --runtime embedded, which needs no Docker."


class EnvironmentBroken(RuntimeProblem):
    """The embedded environment could not be made or is damaged."""

    code = "environment_broken"
    remedy = "Check the network and the disk, then run `gatewayctl up` again: it starts afresh."


class PortTaken(RuntimeProblem):
    """Another process listens where a service should."""

    code = "port_taken"
    remedy = "Stop that process, or choose another port under ports: in gateway.yaml."


class ServiceFailed(RuntimeProblem):
    """A service ended by itself, or answers that it cannot work."""

    code = "service_failed"
    remedy = "See `gatewayctl logs` for its last words."


class NotHealthy(RuntimeProblem):
    """At least one service of the stack is not healthy now."""

    code = "not_healthy"


class NotHealthyInTime(RuntimeProblem):
    """A service is still not ready when the time is up; everything is left running."""

    code = "not_healthy_in_time"
    remedy = "See `gatewayctl logs`, or wait longer with --timeout."


class MigrationFailed(RuntimeProblem):
    """LiteLLM's database schema could not be brought up to date."""

    code = "migration_failed"
    remedy = "See the message of PostgreSQL above; the failed migration was rolled back."


class DatabasePasswordRefused(RuntimeProblem):
    """The data folder was made with another database password than .env holds."""

    code = "database_password_refused"
    remedy = "Put the old password back into .env, or delete the data: gatewayctl down --volumes."


class UnknownService(RuntimeProblem):
    """A service this runtime does not have."""

    code = "unknown_service"
    remedy = "See `gatewayctl status` for the services."


class TemplatesMissing(RuntimeProblem):
    """The installed package does not hold the templates it renders from."""

    code = "templates_missing"
    remedy = "Install gatewayctl again."


class Locked(RuntimeProblem):
    """Another gatewayctl changes this project right now."""

    code = "locked"
    remedy = "Wait for it to end, then run this again."


class Unreachable(GatewayctlError):
    """Nobody answers where a service should."""

    code = "unreachable"
    exit_code = 5
    remedy = "Start the stack with `gatewayctl up`."


class GatewayUnreachable(Unreachable):
    """LiteLLM does not answer at its address."""

    code = "gateway_unreachable"
    remedy = "Start the gateway with `gatewayctl up`."


class GatewayTimeout(Unreachable):
    """LiteLLM took the request and did not answer in time."""

    code = "gateway_timeout"
    remedy = "See `gatewayctl logs litellm`, or raise the time with --timeout."


class PhoenixUnreachable(Unreachable):
    """Phoenix does not answer at its address."""

    code = "phoenix_unreachable"
    remedy = "Start the stack with `gatewayctl up`."


class TraceUnknown(Unreachable):
    """Nobody can say yet whether a trace is as it should be."""

    code = "trace_unknown"
    remedy = "Look again with `gatewayctl trace verify ID`, or wait longer with --timeout."


class Refused(GatewayctlError):
    """The gateway answered, and the answer is no."""

    code = "refused"
    exit_code = 6
    remedy = "See `gatewayctl logs litellm`."


class GatewayRefused(Refused):
    """A refusal of LiteLLM that has no name of its own here."""

    code = "gateway_refused"


class MasterKeyRefused(Refused):
    """LiteLLM does not accept our LITELLM_MASTER_KEY."""

    code = "master_key_refused"
    remedy = "It runs with another LITELLM_MASTER_KEY than .env: `gatewayctl restart litellm`."


class VirtualKeyRefused(Refused):
    """LiteLLM does not accept the virtual key."""

    code = "virtual_key_refused"
    remedy = "Make it anew: `gatewayctl keys create`."


class GatewayDatabaseMissing(Refused):
    """LiteLLM runs without its database, so it knows no keys."""

    code = "gateway_database_missing"
    remedy = "Run `gatewayctl up`, which starts LiteLLM with its database."


class UnknownModel(Refused):
    """The gateway serves no such model group, or the key may not use it."""

    code = "unknown_model"
    remedy = "See `gatewayctl models list`."


class KeyAliasExists(Refused):
    """A virtual key of this alias exists already."""

    code = "key_alias_exists"
    remedy = "Choose another alias, or see `gatewayctl keys list`."


class UpstreamRefused(Refused):
    """The provider behind the gateway refused (credentials, rate limit, its own failure)."""

    code = "upstream_refused"
    remedy = "Check the provider's key in .env and the provider's status."


class UpstreamTimeout(Refused):
    """The provider behind the gateway did not answer in time."""

    code = "upstream_timeout"
    remedy = "Try again, or raise timeout: of the model in gateway.yaml."


class NotVerified(GatewayctlError):
    """It ran, but the proof is missing."""

    code = "not_verified"
    exit_code = 7
    remedy = "See which check failed above."


class PartlyDone(NotVerified):
    """Some of it was done, some was not; running it again does the rest."""

    code = "partly_done"
    remedy = "Correct the cause and run it again: it goes on where it stopped."


class Drift(GatewayctlError):
    """Files or keys differ from what is declared."""

    code = "drift"
    exit_code = 8
    remedy = "Run `gatewayctl render` to write the files anew."


class Interrupted(GatewayctlError):
    """The user pressed Ctrl-C, or the process was told to end."""

    code = "interrupted"
    exit_code = 130
    remedy = "Nothing is half-written; run it again when you like."
