# GNU make 3.81 (that of macOS) is enough. Set-up is in scripts/setup, which also runs without make.

# Tests wait more than they compute: more workers than cores.
WORKERS ?= 4
PYTEST = .venv/bin/python tests/alone.py .venv/bin/python -m pytest -n $(WORKERS) --dist worksteal

.DEFAULT_GOAL := help
.PHONY: help run setup test lint check bench chaos test-real demo-picture clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' Makefile

run: .venv/.ready  ## set up what is missing, then show genie at work with four scripted agents
	@.venv/bin/genie demo
	@command -v genie >/dev/null 2>&1 || printf '\n%s\n' \
		"genie is .venv/bin/genie here; to call it by its name: export PATH=\"$(CURDIR)/.venv/bin:\$$PATH\""

setup: .venv/.ready-dev  ## make the environment for working on genie

.venv/.ready: pyproject.toml scripts/setup
	@scripts/setup
	@touch $@

.venv/.ready-dev: pyproject.toml scripts/setup
	@scripts/setup dev
	@touch .venv/.ready $@

test: .venv/.ready-dev  ## run the tests, all with coverage, or make test ARGS='tests/domain -x'
	$(PYTEST) $(if $(ARGS),$(ARGS),--cov)

lint: .venv/.ready-dev  ## check style, types and the arrows between the layers
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports

check: lint test  ## run every gate

bench: .venv/.ready-dev  ## measure, against tmux itself and a bare interpreter
	.venv/bin/python -m benchmarks $(ARGS)

CHAOS_SEEDS ?= 50
chaos: .venv/.ready-dev  ## break things at random with many seeds: make chaos CHAOS_SEEDS=200
	CHAOS_SEEDS=$(CHAOS_SEEDS) $(PYTEST) tests/chaos tests/services/test_lives.py tests/services/test_forest.py \
		tests/e2e/test_crashes.py tests/e2e/test_trees_ends.py tests/e2e/test_trees_family.py --timeout 1800 $(ARGS)

test-real: .venv/.ready-dev  ## install the real claude and codex into a cache, and test with them
	.venv/bin/python tests/real/install.py
	$(PYTEST) -m real $(ARGS)

demo-picture: .venv/.ready-dev  ## make docs/demo.svg anew from a real run of genie demo
	.venv/bin/python -m scripts.capture docs/demo.svg

clean:  ## remove what was made here; agents, ~/.genie and its database stay
	rm -rf .venv .coverage* htmlcov dist build .hypothesis .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
