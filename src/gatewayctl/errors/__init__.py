"""Every failure gatewayctl can name: one class = one code + one exit code + one remedy.

| exit code | family |
|---|---|
| 2 | UsageProblem: the command line |
| 3 | SettingsProblem: gateway.yaml, .env, environment |
| 4 | RuntimeProblem: an engine, a process, a file, a lock |
| 5 | Unreachable: no service answers |
| 6 | Refused: the gateway answered no |
| 7 | NotVerified: it ran, but not everything is as it should be |
| 8 | Drift |
| 130 | Interrupted |

Owns the exit codes of the command line contract. Must not know who raises or shows them.
"""

from gatewayctl.errors.base import *  # noqa: F403 - the classes of every family, listed once
from gatewayctl.errors.gateway import *  # noqa: F403
from gatewayctl.errors.kubernetes import *  # noqa: F403
from gatewayctl.errors.outcome import *  # noqa: F403
from gatewayctl.errors.runtime import *  # noqa: F403
from gatewayctl.errors.settings import *  # noqa: F403
from gatewayctl.errors.usage import *  # noqa: F403
