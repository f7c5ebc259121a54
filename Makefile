# Two commands for a fresh machine: `make demo` and `make test`. `make help` lists the rest.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

.DEFAULT_GOAL := help
.PHONY: help demo up down test test-docker test-kills images-lock lint fmt bench locks clean

help: ## This list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## (.*)/  make \1\t\2/' | expand -t 22

demo: $(READY) ## The whole story: real LiteLLM, PostgreSQL and Phoenix, a chat, its trace read back
	$(BIN)/gatewayctl demo

up: $(READY) ## Start the stack of this folder
	$(BIN)/gatewayctl up

down: $(READY) ## Stop it; data stays
	$(BIN)/gatewayctl down

test: $(READY) ## Every test this machine can run, the real embedded stack included
	$(BIN)/pytest -n 2 --dist loadfile tests/unit tests/integration
	$(BIN)/pytest -n 2 --dist loadfile tests/architecture examples
	$(BIN)/pytest -n 3 tests/e2e --ignore=tests/e2e/docker --ignore=tests/e2e/kills

test-docker: $(READY) ## The Docker runtime on a real engine, brought here if this is Debian as root
	@sh tools/engine.sh
	@$(BIN)/python -m tests.e2e.images
	$(BIN)/pytest -n 2 tests/e2e/docker

test-kills: $(READY) ## reset, restore, upgrade, rollback killed at every step (hours; wants an engine)
	@sh tools/engine.sh
	@$(BIN)/python -m tests.e2e.images
	$(BIN)/pytest -s tests/e2e/kills

lint: $(READY) ## ruff and mypy
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

fmt: $(READY) ## Format and fix what can be fixed
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

bench: $(READY) ## Speed, as ratios in one run (several minutes)
	$(BIN)/python -m benchmarks

locks: $(READY) ## Resolve the embedded environment anew
	for name in base litellm phoenix; do \
	  (cd src/gatewayctl/runtimes/embedded/locks && \
	   $(CURDIR)/$(BIN)/uv pip compile --upgrade --universal --python-version 3.11 --generate-hashes \
	     --no-build --no-emit-index-url --custom-compile-command 'make locks' -q $$name.in -o $$name.txt) || exit 1; \
	done

images-lock: $(READY) ## Resolve LiteLLM's packages of the tests' image anew
	cd tests/e2e/images/litellm && $(CURDIR)/$(BIN)/uv pip compile --upgrade --python-version 3.11 \
	  --python-platform x86_64-manylinux_2_36 --override overrides.txt --generate-hashes --no-build \
	  --no-emit-index-url --no-annotate --custom-compile-command 'make images-lock' -q \
	  requirements.in -o requirements.txt

clean: ## Remove the virtual environment and caches of this folder
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis dist

$(READY): pyproject.toml uv.lock
	@sh tools/bootstrap.sh "$(PYTHON)"
	@touch $(READY)
