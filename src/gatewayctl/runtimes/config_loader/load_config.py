"""Loads a configuration with LiteLLM's own loader; runs inside LiteLLM's Python.

``python load_config.py CONFIG SECONDS`` writes one line that begins with a mark, and JSON after
it. It does what ``litellm --validate_config`` does, and also reports what that command does not:
which object of which module failed, at which line, and deployments that were dropped. Must not
import gatewayctl, which is not there.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import logging
import os
import site
import sys
import threading
import traceback
from collections import Counter
from pathlib import Path
from typing import Any, Final

MARK: Final = "gatewayctl-load-config "
REFERENCE: Final = "os.environ/"
_failed: list[tuple[str, BaseException]] = []
_reasons: list[str] = []


class _Reasons(logging.Handler):
    """Keeps what LiteLLM logs about deployments that it drops."""

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno >= logging.WARNING:
            _reasons.append(record.getMessage().splitlines()[0])


def report(**result: Any) -> None:
    """Write the result and end, whatever threads LiteLLM has started."""
    sys.stdout.flush()
    sys.__stdout__.write(f"\n{MARK}{json.dumps(result)}\n")  # type: ignore[union-attr]
    sys.__stdout__.flush()  # type: ignore[union-attr]
    os._exit(0)


def watch_imports() -> None:
    """Have LiteLLM's import of an operator's object remember which one failed, and how."""
    utils: Any = importlib.import_module("litellm.proxy.types_utils.utils")
    load = utils.get_instance_fn

    def load_watched(value: str, *args: Any, **options: Any) -> Any:
        try:
            return load(value, *args, **options)
        except BaseException as error:
            _failed.append((value, error))
            raise

    utils.get_instance_fn = load_watched


def describe(error: BaseException, folder: str) -> dict[str, Any]:
    """The first cause of a failure, and where it is in a module of the operator, if it is."""
    chain = [error]
    while (cause := chain[-1].__cause__) is not None:
        chain.append(cause)
    error = chain[-1]
    # LiteLLM tries some values that are no objects, and ignores the failure.
    names = [value for value, failure in _failed if any(failure is each for each in chain)]
    found: dict[str, Any] = {
        "error": f"{type(error).__name__}: {error}",
        "object": names[0] if names else "",
    }
    places = [(frame.filename, frame.lineno) for frame in traceback.extract_tb(error.__traceback__)]
    if isinstance(error, SyntaxError):
        places.append((error.filename or "", error.lineno))
        found["error"] = f"SyntaxError: {error.msg}"
    own = [each for each in places if Path(each[0]).is_relative_to(folder)]
    if own:
        found |= {"file": os.path.relpath(own[-1][0], folder), "line": own[-1][1]}
    return found


def resolve(value: str) -> str | None:
    """The value of a reference to a variable, as LiteLLM resolves it; any other as it is."""
    name = value.removeprefix(REFERENCE)
    return value if name == value else os.environ.get(name)


def find_dropped(config: str, served: list[Any]) -> list[dict[str, str]]:
    """The deployments of the configuration that LiteLLM's router does not have."""
    yaml: Any = importlib.import_module("yaml")
    declared = yaml.safe_load(Path(config).read_text(encoding="utf-8")).get("model_list") or []
    left = Counter((each["model_name"], each["litellm_params"]["model"]) for each in served)
    dropped = []
    for entry in declared:
        name, model = entry["model_name"], entry["litellm_params"]["model"]
        served_as = name, resolve(model)
        left[served_as] -= 1
        # With this setting, LiteLLM leaves the deployment out on purpose.
        chosen = (entry.get("model_info") or {}).get("supported_environments")
        if left[served_as] < 0 and not chosen:
            reasons = [text for text in _reasons if "deployment" in text.lower()]
            dropped.append({"name": name, "model": model, "reason": reasons[0] if reasons else ""})
    return dropped


def find_deprecated(router: Any) -> list[dict[str, str]]:
    """The deployments with a date in LiteLLM's table of models, as its own endpoint reports it."""
    try:
        module: Any = importlib.import_module("litellm.proxy.common_utils.model_deprecation")
    except ImportError:
        return []  # an older release
    found = module.collect_model_deprecations(llm_router=router)
    return [
        {"model": each.model_name, "date": each.deprecation_date.isoformat()}
        for each in (*found.deprecated, *found.imminent)
    ]


def main() -> None:
    """Load the configuration and report the result."""
    config, seconds = str(Path(sys.argv[1]).resolve()), float(sys.argv[2])
    folder = str(Path(config).parent)
    sys.dont_write_bytecode = True
    sys.path.append(str(Path.cwd()))
    if packages := os.environ.get("GATEWAYCTL_PACKAGES"):
        site.addsitedir(packages)  # as quick_start.py does
    watch_imports()
    server: Any = importlib.import_module("litellm.proxy.proxy_server")
    logging.getLogger("LiteLLM Router").addHandler(_Reasons())
    # Importing takes what it takes; the limit is for what LiteLLM waits for on the network.
    watchdog = threading.Timer(seconds, report, kwargs={"timed_out": True})
    watchdog.daemon = True
    watchdog.start()
    try:
        load = server.ProxyConfig().load_config(router=None, config_file_path=config)
        router, models, _ = asyncio.run(load)
        served = list(models or [])
        dropped = find_dropped(config, served)
    except BaseException as error:  # whatever a module of the operator raises
        report(failure=describe(error, folder))
    report(models=len(served), dropped=dropped, deprecated=find_deprecated(router))


if __name__ == "__main__":
    main()
