"""The files of the repository that are generated from the code, with their current text.

`tests/architecture` compares them; `python -m tests.golden` regenerates them.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from gatewayctl.cli.syntax import reference
from gatewayctl.rendering.plan import plan_files
from gatewayctl.rendering.targets import Target, plan_target
from gatewayctl.settings import reference_page
from gatewayctl.settings.env_example import env_example, env_prod_example
from tests.fakes.projects import project
from tests.golden.help_text import help_text
from tests.golden.json_shapes import json_shapes

ROOT: Final = Path(__file__).parents[2]
GOLDEN: Final = Path(__file__).parent

_DIGEST: Final = "sha256:" + "0123456789abcdef" * 4
# By folder. The name of the folder a project is in is the name of the project.
PROJECTS: Final = {
    "production": "profile: production\nworkers: 4\n",
    "apps": f"""\
bind: 10.0.0.5
workers: 16
images:
  litellm: ghcr.io/berriai/litellm@{_DIGEST}
  postgres: registry.example:5000/db/postgres:16.14@{_DIGEST}
models:
  claude: bedrock/anthropic.claude-sonnet-5
  local: {{model: openai/x, api_base: "http://host:1/v1", params: {{extra: os.environ/X_NAME}}}}
keys:
  web: WEB_KEY
  litellm-dev: LITELLM_API_KEY
apps:
  web:
    image: shop/web:3
    key: web
    ports: {{"8080": 80, "8443": 443}}
    command: serve --greeting 'it costs $5' --name ${{USER}}
  api:
    build: ./services/api
    ports: [9000]
    environment:
      LOG_LEVEL: info
      LIMIT: 12
      VERBOSE: true
      TEMPLATE: "$${{a}} $b\\nnext line"
      DATABASE_PASSWORD: os.environ/SHOP_PASSWORD
      OTEL_SERVICE_NAME: shop-api
""",
}


# The same for Kubernetes and the Helm charts.
CLUSTERS: Final = {
    "cluster": """\
profile: production
kubernetes:
  namespace: llm
  autoscaling: {min: 2, max: 8}
  storage: {class: fast}
  resources: {litellm: {requests: {cpu: 2, memory: 3Gi}, limits: {memory: 4Gi}}}
  image_pull_secrets: [registry]
  ingress:
    host: llm.example.com
    phoenix_host: traces.example.com
    class: nginx
    tls_secret: llm-tls
    annotations: {cert-manager.io/cluster-issuer: letsencrypt}
apps:
  web:
    image: shop/web:3
    ports: {"8080": 80}
    user: 1000
    environment: {PASSWORD: os.environ/SHOP_PASSWORD, TEMPLATE: "it costs $5"}
""",
    "cloudnative": """\
kubernetes:
  postgres: cloudnative-pg
  replicas: 3
  secrets: {from: from-vault}
  ingress: {host: llm.example.com, gateway: infra/public}
apps: {worker: "shop/worker:3"}
""",
}


def generated() -> Iterator[tuple[Path, str]]:
    """Each file with its text."""
    yield ROOT / ".env.example", env_example()
    yield ROOT / ".env.prod.example", env_prod_example()
    yield ROOT / "docs/reference/commands.md", reference.render_page()
    yield ROOT / "docs/reference/settings.md", reference_page.render_page()
    yield GOLDEN / "help.txt", help_text()
    yield GOLDEN / "json_shapes.json", json_shapes()
    with tempfile.TemporaryDirectory() as folder:
        yield from _rendered(Path(folder) / "gateway", "", ROOT / "compose")
        for name, text in PROJECTS.items():
            for path, content in _rendered(Path(folder) / name, text, GOLDEN / name):
                # The same in every project, and no module of the tests.
                if path.suffix != ".py":
                    yield path, content
        for name, text in CLUSTERS.items():
            settings = project(Path(folder) / name, text)
            targets: tuple[Target, ...] = ("kubernetes", "helm")
            for target in targets:
                for file in plan_target(settings, target):
                    yield GOLDEN / name / file.path, file.content


def _rendered(folder: Path, gateway_yaml: str, target: Path) -> Iterator[tuple[Path, str]]:
    settings = project(folder, gateway_yaml)
    for file in plan_files(settings, runtime="docker"):
        yield target / file.path, file.content
    if not gateway_yaml:
        for file in plan_files(settings, runtime="kubernetes"):
            yield target / file.path, file.content
