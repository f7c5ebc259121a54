# Two commands for a fresh machine: `make demo` and `make test`. `make help` lists the others.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
# Tests that a target of their own starts.
ELSEWHERE := --ignore=tests/e2e/docker --ignore=tests/e2e/kills --ignore=tests/e2e/kubernetes
# Those that measure, or stop the cluster of the others; the last one does.
ALONE := $(addprefix tests/e2e/kubernetes/test_,load.py sizing.py cluster_life.py)

.DEFAULT_GOAL := help
.PHONY: help demo up down check test test-docker test-kubernetes test-full test-macos test-kills images images-lock cluster lint fmt bench locks clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(READY) ## Start LiteLLM, PostgreSQL and Phoenix, send a chat, verify its trace
	$(BIN)/gatewayctl demo

up: $(READY) ## Start the stack of this folder
	$(BIN)/gatewayctl up --yes

down: $(READY) ## Stop it; data stays
	$(BIN)/gatewayctl down

check: lint ## Lint, types, and every test that starts no services (three minutes)
	$(BIN)/pytest -q -n 2 --dist loadfile -m "not full" tests/unit tests/integration tests/architecture examples

test: $(READY) ## Every usual test that needs no Docker, including the real embedded stack
	$(BIN)/pytest -q -n 2 --dist loadfile -m "not full" tests/unit tests/integration tests/architecture examples
	$(BIN)/pytest -n 3 -m "not full" tests/e2e $(ELSEWHERE)

test-docker: $(READY) images ## The Docker runtime on a real engine, installed here on Debian as root
	$(BIN)/pytest -n 2 -m "not full" tests/e2e/docker

test-kubernetes: cluster ## The Kubernetes runtime on a real cluster, made here on Debian as root
	$(BIN)/pytest -n 2 -m "not full" tests/e2e/kubernetes

test-macos: $(READY) ## Unit and integration tests on a system that behaves like macOS
	$(BIN)/pytest -q -n 2 --dist loadfile -m "not full" --as-macos tests/unit tests/integration

test-full: $(READY) images cluster test-macos ## The slow and rare tests that the targets above leave out
	$(BIN)/pytest -n 2 -m full tests/integration
	$(BIN)/pytest -n 3 -m full tests/e2e $(ELSEWHERE)
	$(BIN)/pytest -n 2 -m full tests/e2e/docker
	$(BIN)/pytest -n 2 -m full tests/e2e/kubernetes $(addprefix --ignore=,$(ALONE))
	$(BIN)/pytest -m full $(ALONE)
	$(BIN)/pytest -n 2 --hypothesis-profile thorough tests/integration/test_any_value.py

test-kills: $(READY) images ## reset, restore, upgrade and rollback killed at every step (hours)
	$(BIN)/pytest -s tests/e2e/kills

images: $(READY)
	@sh tools/engine.sh
	@$(BIN)/python -m tests.e2e.images

cluster: $(READY)
	@[ -n "$$GATEWAYCTL_TEST_CLUSTER" ] || { $(MAKE) --no-print-directory images && sh tools/cluster.sh; }

lint: $(READY) ## ruff and mypy
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

fmt: $(READY) ## Format and fix what can be fixed
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

bench: $(READY) ## Speed, as ratios in one run (several minutes)
	$(BIN)/python -m benchmarks

locks: $(READY) ## Resolve the embedded environment again
	for name in base litellm phoenix; do \
	  (cd src/gatewayctl/runtimes/embedded/locks && \
	   $(CURDIR)/$(BIN)/uv pip compile --upgrade --universal --python-version 3.11 --generate-hashes \
	     --no-build --override overrides.in --no-emit-index-url --custom-compile-command 'make locks' \
	     -q $$name.in -o $$name.txt) || exit 1; \
	done

images-lock: $(READY) ## Resolve the packages of the earlier LiteLLM of the upgrade tests again
	cd tests/e2e/images/litellm_previous && $(CURDIR)/$(BIN)/uv pip compile --upgrade \
	  --python-version 3.11 --python-platform x86_64-manylinux_2_36 --generate-hashes --no-build \
	  --no-emit-index-url --no-annotate --custom-compile-command 'make images-lock' -q \
	  requirements.in -o requirements.txt

clean: ## Remove the virtual environment and caches of this folder
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis dist

$(READY): pyproject.toml uv.lock
	@sh tools/bootstrap.sh "$(PYTHON)"
	@touch $(READY)
