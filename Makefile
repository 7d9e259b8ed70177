# Everything that people and CI run. `make` alone lists the targets.
.DEFAULT_GOAL := help
.PHONY: help setup lock demo unit test slow slow-durations check format airflow docs site reference report bench chaos clean
SHELL := /bin/bash

PYTHON ?= python3
BIN := .venv/bin
# Where state lives; below DAYBREAK_HOME if that is set.
STATE := $(abspath $(or $(DAYBREAK_HOME),.daybreak))
PYTEST := $(BIN)/python -m pytest
WORKERS := --numprocesses logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder
# Compiled bytecode spares every process of the tests a part of its start; containers tend to switch it off.
unexport PYTHONDONTWRITEBYTECODE
# dbt only parses here; profiles.yml asks for a host all the same.
DBT := PGHOST=127.0.0.1 $(BIN)/dbt
MKDOCS := NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

setup: .venv/.complete ## everything that is needed, into .venv

# Built again only when what it is built from has changed. uv comes from pip, whichever Python there is.
.venv/.complete: requirements.lock pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip install --python $(BIN)/python --quiet --no-deps --require-hashes --compile-bytecode -r requirements.lock
	$(BIN)/uv pip install --python $(BIN)/python --quiet --no-deps --no-build-isolation --editable .
	@touch $@

lock: setup ## resolve requirements.lock again from pyproject.toml
	$(BIN)/uv pip compile pyproject.toml --extra spark --extra s3 --group dev --group airflow --universal --generate-hashes \
		--no-emit-index-url --quiet --output-file requirements.lock

demo: setup ## six weeks of a simulated shop, from its API to published marts
	$(BIN)/daybreak demo

unit: setup ## tests that need no server, in seconds
	$(PYTEST) -m "not integration and not airflow and not browser and not slow" $(WORKERS)

test: setup ## unit and integration tests; starts the servers that it needs
	$(PYTEST) -m "not slow" $(WORKERS)

# Days of the backfill under Airflow: a month takes longer than a slice may.
slow slow-durations: export FAULT_BACKFILL_DAYS ?= 8

slow: setup ## the slow tests, or with SLICE=n one slice of them, as CI runs them in turn
	$(PYTEST) -m slow $(if $(SLICE),--slice $(SLICE))

slow-durations: setup ## the same, and record how long each took: slices are dealt from that
	$(PYTEST) -m slow $(if $(SLICE),--slice $(SLICE)) --record-durations

# A false alarm about a secret: rename what makes it look like one, or mark the line with `pragma: allowlist secret`, or
# write the baseline again and read the difference: .venv/bin/detect-secrets scan --no-verify --slim \
#     --exclude-files '^(requirements\.lock|\.secrets\.baseline)$' > .secrets.baseline
check: setup ## lint, types, declared imports, SQL style, dbt parse, documentation, secrets, known vulnerabilities
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/deptry .
	$(BIN)/deptry . --exclude '\.venv|\.daybreak' --ignore DEP004  # the rest too: tests may import development tools
	$(BIN)/sqlfluff lint --disable-progress-bar dbt_project
	$(DBT) --warn-error --quiet parse --no-partial-parse --show-all-deprecations --project-dir dbt_project --profiles-dir . --target-path $(STATE)/check --log-path $(STATE)/check
	$(MKDOCS) --strict --site-dir $(STATE)/check/site
	git ls-files -z | xargs -0 $(BIN)/detect-secrets-hook --no-verify --baseline .secrets.baseline
	@$(BIN)/python .ci/known_vulnerabilities.py

format: setup ## format Python and SQL
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .
	$(BIN)/sqlfluff fix --disable-progress-bar dbt_project

airflow: setup ## Airflow with the nightly DAGs, on this machine only, until Ctrl-C
	@$(BIN)/python -m local.airflow

docs: setup ## the dbt docs site, one page without network: .daybreak/docs/static_index.html
	$(BIN)/daybreak up
	eval "$$($(BIN)/daybreak env)" && $(BIN)/dbt docs generate --static --project-dir dbt_project --profiles-dir . --quiet --target-path $(STATE)/docs --log-path $(STATE)/docs
	@echo "Open $(STATE)/docs/static_index.html"

site: setup ## the documentation as a site, without network: .daybreak/site/index.html
	$(MKDOCS) --site-dir $(STATE)/site
	@echo "Open $(STATE)/site/index.html; with search: $(BIN)/python -m http.server --bind 127.0.0.1 --directory $(STATE)/site"

reference: setup ## write the parts of the documentation that are made from code
	$(BIN)/python -m docs.generator

report: docs ## state, runs, trends and a page a day, without network: .daybreak/report/index.html
	$(BIN)/daybreak report

bench: setup ## speed and memory against hand-written minimums
	$(BIN)/python -m benchmarks

chaos: setup ## every test that breaks something on purpose, slow ones included: docs/reference/faults.md
	$(BIN)/python -m pytest -m fault

clean: ## stop Airflow and the embedded servers, and remove everything that was generated
	@test ! -x $(BIN)/python || $(BIN)/python -m local.airflow stop
	@test ! -x $(BIN)/daybreak || $(BIN)/daybreak down
	rm -rf .venv .daybreak dbt_project/target dbt_project/logs logs build *.egg-info
