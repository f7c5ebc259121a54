# Two commands for a fresh machine: `make demo` and `make test`. `make help` lists the rest.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
# These wait more than they work, each on a stack or database of its own: two at a time.
PATIENT := $(addprefix tests/e2e/,test_keys_faults.py test_keys_life.py test_migrations.py \
  test_node.py test_prisma_engine.py test_prisma_engine_life.py)

.DEFAULT_GOAL := help
.PHONY: help demo up down test lint fmt bench locks clean

help: ## This list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## (.*)/  make \1\t\2/' | expand -t 16

demo: $(READY) ## The whole story: real LiteLLM, PostgreSQL and Phoenix, a chat, its trace read back
	$(BIN)/gatewayctl demo

up: $(READY) ## Start the stack of this folder
	$(BIN)/gatewayctl up

down: $(READY) ## Stop it; data stays
	$(BIN)/gatewayctl down

test: $(READY) ## Every test this machine can run, the real embedded stack included
	$(BIN)/pytest -n 2 --dist loadfile tests/unit tests/integration tests/architecture
	$(BIN)/pytest -n 2 --dist loadfile $(PATIENT)
	$(BIN)/pytest tests/e2e $(addprefix --ignore=,$(PATIENT))

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

clean: ## Remove the virtual environment and caches of this folder
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis dist

$(READY): pyproject.toml uv.lock
	@sh tools/bootstrap.sh "$(PYTHON)"
	@touch $(READY)
