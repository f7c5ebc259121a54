"""Projects for a cluster: each declares something that the others do not."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from gatewayctl.settings.model import Settings
from tests.fakes.projects import project

CREDENTIALS: Final = "postgresql://app:Geh3im-Passw0rt@db.example.com:6432/gateway?sslmode=require"
SECRETS: Final = {
    "LITELLM_MASTER_KEY": "sk-canary-master-0123456789",
    "LITELLM_SALT_KEY": "sk-canary-salt-0123456789",
    "LITELLM_POSTGRES_PASSWORD": "canary-litellm-password",
    "POSTGRES_PASSWORD": "canary-phoenix-password",
    "UI_PASSWORD": "canary-ui-password",
    "REDIS_PASSWORD": "canary-redis-password",
    "OPENAI_API_KEY": "sk-canary-provider-0123456789",
    "LITELLM_API_KEY": "sk-canary-virtual-0123456789",
    "SHOP_PASSWORD": "canary-shop-password",
    "TRACES_KEY": "canary-traces-key",
    "HTTPS_PROXY": "http://canary-user:canary-proxy-password@proxy.example.com:3128",
    "DATABASE": CREDENTIALS,
    "DATABASE_URL": CREDENTIALS,
}
_APPS: Final = """\
apps:
  web:
    image: registry.example.com/shop/web:3
    ports: {"8080": 80, "8443": 443}
    command: serve --greeting 'it costs $5' --name $(WHO)
    user: 1000
    environment: {LOG_LEVEL: info, PASSWORD: os.environ/SHOP_PASSWORD, TEMPLATE: "$(A) $$b"}
  worker: {image: "shop/worker:3", user: 1000}
"""
PROJECTS: Final = {
    "reference": "",
    "production": "profile: production\n",
    "replicas": "kubernetes: {replicas: 3}\n",
    "workers": "workers: 4\nkubernetes: {resources: {litellm: {requests: {cpu: 2}}}}\n",
    "autoscaling": "kubernetes: {autoscaling: {min: 2, max: 20, cpu: 60}}\n",
    "cloudnative": "profile: production\nkubernetes: {postgres: cloudnative-pg, replicas: 2}\n",
    "external database": "services: {postgres: DATABASE}\n",
    "database url": "services: {postgres: DATABASE_URL}\n",
    "variables": (
        "kubernetes: {replicas: 2}\nservices: {litellm: {environment:"
        " {LITELLM_LOG: DEBUG, NUM_WORKERS: 3, REDIS_PORT: 1, HOME: /app}}}\n"
    ),
    "existing secret": f"kubernetes: {{secrets: {{from: from-vault}}, replicas: 2}}\n{_APPS}",
    "ingress": (
        "runtime: kubernetes\nkubernetes:\n  access: ingress\n  ingress: {host: llm.example.com,"
        " phoenix_host: traces.example.com, class: nginx, tls_secret: gateway-tls,"
        " annotations: {cert-manager.io/cluster-issuer: letsencrypt}}\n"
    ),
    "gateway": "kubernetes: {ingress: {host: llm.example.com, gateway: infra/public}}\n",
    "apps": _APPS,
    "rooted app": 'apps: {web: {image: "nginx:1.29", ports: [80]}}\n',
    "no traces": "tracing: none\nkubernetes: {replicas: 2}\n",
    "other traces": (
        "tracing:\n  - phoenix\n  - {endpoint: 'https://traces.example.com', api_key_env:"
        f" TRACES_KEY}}\n{_APPS}"
    ),
    "open network": "kubernetes: {network_policies: false, image_pull_secrets: [registry]}\n",
    "mirror": (
        "images: {registry: mirror.example.com/all}\nkubernetes: {namespace: llm,"
        " storage: {class: fast, postgres_litellm: 50Gi}}\nservices:\n  litellm:\n"
        "    environment: {MY_SETTING: '$(NO_REFERENCE) $x'}\n    files: [hooks/words list.txt]\n"
        "    mounts: {/etc/vertex.json: vertex.json, /etc/more: folder}\n"
    ),
}


def load(folder: Path, name: str) -> Settings:
    """The settings of a project with secrets in its .env."""
    folder = folder / "shop"
    for path, text in {
        "hooks/words list.txt": "one\ntwo\n",
        "vertex.json": '{"private_key": "canary-file-key"}',
        "folder/a/b.txt": "b\n",
        "folder/c.bin": "c\n",
    }.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    env = "".join(f"{variable}={value}\n" for variable, value in SECRETS.items())
    return project(folder, PROJECTS[name], env=env)
