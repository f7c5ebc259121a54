"""Exit 3: gateway.yaml, .env or the environment is invalid or cannot be read or written."""

from __future__ import annotations

from dataclasses import dataclass

from gatewayctl.errors.base import GatewayctlError


class SettingsProblem(GatewayctlError):
    """gateway.yaml, .env or the environment is invalid or cannot be read or written."""

    code = "settings"
    exit_code = 3
    remedy = "Correct gateway.yaml, .env or the environment."


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One invalid setting; ``source`` is for example ``gateway.yaml line 7 column 3``."""

    source: str
    message: str

    def __str__(self) -> str:
        return f"{self.source}: {self.message}"


class SettingsInvalid(SettingsProblem):
    """One or more settings are invalid; ``problems`` lists each with its source."""

    remedy = "Correct each setting that is reported."

    def __init__(
        self, message: str = "", *, hint: str | None = None, problems: tuple[Problem, ...] = ()
    ) -> None:
        super().__init__(message or "\n".join(str(problem) for problem in problems), hint=hint)
        self.problems = problems


class ProjectMissing(SettingsProblem):
    """The folder holds no gateway project."""

    remedy = (
        "Create one with `gatewayctl init`, then start it with `gatewayctl up`; or select the "
        "folder of one with -C DIR."
    )


class EnvFileMissing(SettingsProblem):
    """There is no .env file, so there are no secrets and no keys yet."""

    remedy = "Create it with `gatewayctl init`, then start the stack with `gatewayctl up`."


class MasterKeyMissing(SettingsProblem):
    """LITELLM_MASTER_KEY is not set."""

    remedy = "Run `gatewayctl up`, which generates it and starts LiteLLM with it."


class MasterKeyWeak(SettingsProblem):
    """A master key that LiteLLM refuses to start with, or that is easy to guess."""

    remedy = (
        "Delete the LITELLM_MASTER_KEY line of .env, then run `gatewayctl up`, which generates one."
    )


class SecretOverridden(SettingsProblem):
    """The environment has another value than .env, where gatewayctl keeps the secret."""

    code = "environment_shadows"
    remedy = "Run `unset NAME`."


class ReleaseMalicious(SettingsProblem):
    """A release of LiteLLM that is known to be malicious."""

    code = "litellm_malicious"
    remedy = (
        "Set images.litellm in gateway.yaml to another release. If this one ever ran, replace "
        "every secret it had: provider keys, the keys and passwords of .env, the virtual keys."
    )


class SaltKeyChanged(SettingsProblem):
    """LITELLM_SALT_KEY is not the key LiteLLM's database was created with, or is lost."""

    remedy = (
        "Put the old LITELLM_SALT_KEY back into .env. Only if it is lost: `gatewayctl restore "
        "FILE` brings back the data and the key of a backup; without a backup, `gatewayctl reset` "
        "backs up LiteLLM's database and empties it."
    )


class CaBundleUnusable(SettingsProblem):
    """The file of ca_bundle cannot be read, or contains no PEM certificate."""

    remedy = (
        "Correct ca_bundle: in gateway.yaml. A certificate in DER becomes PEM with `openssl x509 "
        "-inform der -in corp.cer -out corp.pem`."
    )


class EnvFileUnreadable(SettingsProblem):
    """The .env file exists but cannot be read."""

    remedy = "Make .env a UTF-8 text file that you can read."


class EnvFileUnwritable(SettingsProblem):
    """The .env file cannot be written: read-only, disk full, another owner."""

    remedy = "Free disk space or permit writing; the file was not changed."


class EnvValueUnsafe(SettingsProblem):
    """A name or value that Compose, sh and python-dotenv would read differently."""

    remedy = "Use a value without quotes, backslashes, dollar signs or carriage returns."


class VirtualKeyMissing(SettingsProblem):
    """The variable of the virtual key is empty."""

    remedy = "Run `gatewayctl keys create`, which writes it to .env."


class FileUnwritable(SettingsProblem):
    """A file of the project cannot be written."""

    remedy = "Free disk space or permit writing; files already written are complete."


class FolderUnusable(FileUnwritable):
    """A file, a broken link or a folder of others is where gatewayctl needs a folder."""

    remedy = "Move away what is there, or correct its owner and mode, then run the command again."


class FileUnreadable(SettingsProblem):
    """A file of the project cannot be read."""

    remedy = "Permit reading the file."
