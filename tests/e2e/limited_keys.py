"""A user, a team and a key with every field that gateway.yaml can declare, and their changes."""

from __future__ import annotations

from typing import Any

import httpx
import yaml

from gatewayctl.gateway.client import GatewayClient
from gatewayctl.gateway.keys import find_key_by_alias
from gatewayctl.generators import drain
from gatewayctl.operations.keys.owners import plan_owners
from gatewayctl.operations.keys.plan import find_differences
from gatewayctl.operations.keys.sync import sync_keys
from gatewayctl.settings.declared.limits import KEY_LIMITS
from gatewayctl.settings.load import load_settings
from gatewayctl.settings.master_key import require_master_key
from tests.e2e.conftest import Project
from tests.e2e.test_keys_life import management

USER = {
    "user_alias": "Ada", "user_email": "ada@example.org", "user_role": "internal_user_viewer",
    "max_budget": 50, "budget_duration": "30d", "rpm_limit": 100, "tpm_limit": 1000,
    "models": ["demo"], "metadata": {"floor": 3},
}  # fmt: skip
TEAM = {
    "team_alias": "Search", "models": ["demo", "relay", "relays", "openai/*"],
    "max_budget": 100, "soft_budget": 80,
    "budget_duration": "30d", "budget_limits": [{"budget_duration": "1d", "max_budget": 60}],
    "rpm_limit": 1000, "tpm_limit": 100000, "tpd_limit": 1000000, "model_rpm_limit": {"demo": 100},
    "model_tpm_limit": {"demo": 10000}, "rpm_limit_type": "best_effort_throughput",
    "tpm_limit_type": "best_effort_throughput", "team_member_budget": 10,
    "team_member_budget_duration": "7d", "team_member_rpm_limit": 20, "team_member_tpm_limit": 200,
    "model_aliases": {"quick": "demo"}, "tags": ["search"], "router_settings": {"num_retries": 1},
    "members": ["ada"], "metadata": {"floor": 3},
}  # fmt: skip
KEY = {
    "env": "LIMITED_KEY", "team": "search", "user": "ada", "max_budget": 5, "soft_budget": 4,
    "budget_duration": "30d", "budget_limits": [{"budget_duration": "1d", "max_budget": 3}],
    "rpm_limit": 60, "tpm_limit": 60000, "tpd_limit": 600000, "max_parallel_requests": 5,
    "model_rpm_limit": {"demo": 50}, "model_tpm_limit": {"demo": 5000},
    "tag_rpm_limit": {"batch": 50}, "mcp_rpm_limit": {"files": 5},
    "rpm_limit_type": "best_effort_throughput", "tpm_limit_type": "best_effort_throughput",
    "default_estimated_output_tokens": 10, "throttle_on_budget_exceeded": False,
    "budget_fallbacks": {"relay": ["demo"]}, "enable_prompt_caching": True,
    "models": ["demo", "openai/*", "relays"], "aliases": {"fast": "demo"},
    "tags": ["batch", "night"], "allowed_routes": ["llm_api_routes", "/v1/models"],
    "allowed_cache_controls": ["no-cache"], "permissions": {"anything": True},
    "router_settings": {"num_retries": 2}, "duration": "90d", "metadata": {"purpose": "test"},
}  # fmt: skip
# Another value of each field, as somebody may set it in LiteLLM.
OTHERS: dict[str, Any] = {
    "team_id": "others", "user_id": None, "max_budget": 7, "soft_budget": 2,
    "budget_duration": "7d", "budget_limits": [{"budget_duration": "2d", "max_budget": 3}],
    "rpm_limit": 61, "tpm_limit": None, "tpd_limit": 1, "max_parallel_requests": 6,
    "model_rpm_limit": {"demo": 51}, "model_tpm_limit": {"relay": 5000},
    "tag_rpm_limit": {"batch": 51}, "mcp_rpm_limit": {"files": 6}, "rpm_limit_type": "dynamic",
    "tpm_limit_type": "dynamic", "default_estimated_output_tokens": 11,
    "throttle_on_budget_exceeded": True, "budget_fallbacks": {"demo": ["relay"]},
    "enable_prompt_caching": False, "models": ["demo"], "aliases": {"fast": "relay"},
    "allowed_routes": ["llm_api_routes"], "allowed_cache_controls": [],
    "permissions": {"anything": False}, "router_settings": {"num_retries": 3},
    "team_alias": "Other", "model_aliases": {}, "team_member_budget": 11,
    "team_member_budget_duration": "8d", "team_member_rpm_limit": 21, "team_member_tpm_limit": 201,
    "user_alias": "Bob", "user_email": "bob@example.org", "user_role": "internal_user",
}  # fmt: skip
# The budget of a team stays above its soft_budget.
OF_KIND: dict[tuple[str, str], Any] = {
    ("team", "max_budget"): 101, ("user", "models"): ["relay"],
}  # fmt: skip
# LiteLLM takes them for a new team, and ignores them at the top of a change.
IGNORED = {("team", "rpm_limit_type"), ("team", "tpm_limit_type")}
LICENSED = {name for name, limit in KEY_LIMITS.items() if limit.licensed}


class Limited:
    """The shared stack while it declares other keys, teams and users."""

    def __init__(self, stack: Project) -> None:
        self.stack = stack
        self.file = stack.folder / "gateway.yaml"
        self.before = self.file.read_text(encoding="utf-8")

    def declare(self, **sections: Any) -> None:
        text = yaml.safe_dump(sections, sort_keys=False)
        self.file.write_text(f"{self.before}{text}", encoding="utf-8")

    def sync(self, *, dry_run: bool = False, prune: bool = False) -> Any:
        """In this process, which saves every test and every field a start of the program."""
        settings = load_settings(self.stack.folder, environ={})
        with httpx.Client(timeout=30) as http:
            gateway = GatewayClient(http, self.stack.gateway_url)
            return drain(sync_keys(settings, gateway, dry_run=dry_run, prune=prune))

    def changes(self) -> dict[str, tuple[str, ...]]:
        report = self.sync(dry_run=True)
        steps = {key.alias: key.changes for key in report.keys}
        steps |= {owner.name: owner.changes for owner in (*report.teams, *report.users)}
        return {name: changes for name, changes in steps.items() if changes}

    def differences(self, kind: str) -> set[str]:
        """Those of the key, the team or the user, by few requests."""
        settings = load_settings(self.stack.folder, environ={})
        master = require_master_key(settings)
        with httpx.Client(timeout=30) as http:
            gateway = GatewayClient(http, self.stack.gateway_url)
            if kind == "key":
                found = find_key_by_alias(gateway, master, "limited")
                assert found is not None
                (declared,) = (key for key in settings.keys if key.alias == "limited")
                return set(find_differences(declared, found))
            steps = (each.step for each in plan_owners(settings, gateway, master))
            return {change for step in steps if step.kind == kind for change in step.changes}

    def key(self, alias: str = "limited") -> Any:
        params = {"key_alias": alias, "return_full_object": "true"}
        (row,) = management(self.stack, "GET", "/key/list", params=params)["keys"]
        return row

    def change(self, path: str, **fields: Any) -> None:
        management(self.stack, "POST", path, json=fields)
