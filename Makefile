# Each target does its own set-up.
.PHONY: help run test check bench lock docs
PYTHON = .venv/bin/python
# Tests of a file share what they start, and stay together; files of one folder that run at the same time do not.
PROCESSES ?= 2

help: ## List the targets
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile | expand -t 8

run: ## Set everything up and start the provider, the demo applications and the demo people
	@tools/setup run
	@.venv/bin/carekey demo

test: ## Set everything up and run every test
	@tools/setup test
	@PYTHONDONTWRITEBYTECODE= $(PYTHON) -m pytest -q -n $(PROCESSES) --dist loadfile --no-loadscope-reorder

check: ## Lint, types, architecture and generated pages
	@tools/setup check
	@.venv/bin/ruff format --check --quiet .
	@.venv/bin/ruff check --quiet .
	@.venv/bin/mypy
	@.venv/bin/lint-imports --no-logo
	@$(PYTHON) tools/document.py --check

bench: ## Measure CareKey and its peer, and write docs/benchmarks.md
	@tools/setup bench
	@$(PYTHON) bench/run.py

docs: ## Write docs/settings.md and docs/events.md from the code
	@tools/setup check
	@$(PYTHON) tools/document.py

lock: ## Lock the requirements again, with hashes and without addresses (needs uv)
	@for set in runtime demo dev; do \
	  uv pip compile --quiet --upgrade --generate-hashes --no-emit-index-url --no-header --no-annotate --universal \
	    --python-version 3.11 requirements/$$set.in -o requirements/$$set.txt; done
