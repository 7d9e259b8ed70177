# The commands for people and CI. `make` lists them.
.DEFAULT_GOAL := help
.PHONY: sbom help setup lock demo unit test slow slow-durations check format airflow docs site reference report bench chaos clean
SHELL := /bin/bash

PYTHON ?= python3
BIN := .venv/bin
# Generated state. DAYBREAK_HOME overrides the folder.
STATE := $(abspath $(or $(DAYBREAK_HOME),.daybreak))
PYTEST := $(BIN)/python -m pytest
WORKERS := --numprocesses logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder
# Bytecode makes each test process start faster. Containers often disable it.
unexport PYTHONDONTWRITEBYTECODE
# profiles.yml requires a host, even to parse.
DBT := PGHOST=127.0.0.1 $(BIN)/dbt
MKDOCS := NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

setup: .venv/.complete ## install everything into .venv

# Rebuilt only if one of its inputs changed. pip installs the locked uv, for any Python.
.venv/.complete: requirements.lock pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes \
		--requirement <(sed -n '/^uv==/,/[^\\]$$/p' requirements.lock)
	$(BIN)/uv pip install --python $(BIN)/python --quiet --no-deps --require-hashes --compile-bytecode -r requirements.lock
	$(BIN)/uv pip install --python $(BIN)/python --quiet --no-deps --no-build-isolation --editable .
	@touch $@

lock: setup ## resolve requirements.lock from pyproject.toml
	$(BIN)/uv pip compile pyproject.toml --extra spark --extra s3 --group dev --group airflow --universal --generate-hashes \
		--no-emit-index-url --quiet --output-file requirements.lock

demo: setup ## load six weeks of a simulated shop, from its API to published marts
	$(BIN)/daybreak demo

unit: setup ## run the tests that need no server, in seconds
	$(PYTEST) -m "not integration and not airflow and not browser and not slow" $(WORKERS)

test: setup ## run the unit and integration tests; starts the servers they need
	$(PYTEST) -m "not slow" $(WORKERS)

# Days of the backfill under Airflow. A month would exceed the time of a slice.
slow slow-durations: export FAULT_BACKFILL_DAYS ?= 8

slow: setup ## run the slow tests; SLICE=n runs one slice, as CI does in rotation
	$(PYTEST) -m slow $(if $(SLICE),--slice $(SLICE))

slow-durations: setup ## run the slow tests and record their durations, which balance the slices
	$(PYTEST) -m slow $(if $(SLICE),--slice $(SLICE)) --record-durations

# If detect-secrets reports a false positive: rename the value, mark the line with `pragma: allowlist secret`, or
# rewrite the baseline and review the diff: .venv/bin/detect-secrets scan --no-verify --slim \
#     --exclude-files '^(requirements\.lock|\.secrets\.baseline)$' > .secrets.baseline
check: setup ## check lint, types, imports, SQL style, dbt parse, docs, secrets and known vulnerabilities
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

airflow: setup ## run Airflow with the nightly DAGs on this machine, until Ctrl-C
	@$(BIN)/python -m local.airflow

docs: setup ## build the dbt docs site, one offline page: .daybreak/docs/static_index.html
	$(BIN)/daybreak up
	eval "$$($(BIN)/daybreak env)" && $(BIN)/dbt docs generate --static --project-dir dbt_project --profiles-dir . --quiet --target-path $(STATE)/docs --log-path $(STATE)/docs
	@echo "Open $(STATE)/docs/static_index.html"

site: setup ## build the documentation, an offline site: .daybreak/site/index.html
	$(MKDOCS) --site-dir $(STATE)/site
	@echo "Open $(STATE)/site/index.html; with search: $(BIN)/python -m http.server --bind 127.0.0.1 --directory $(STATE)/site"

sbom: setup ## write a software bill of materials, CycloneDX: .daybreak/sbom.json
	$(BIN)/python .ci/sbom.py $(STATE)/sbom.json

reference: setup ## generate the parts of the documentation that come from code
	$(BIN)/python -m docs.generator

report: docs ## write the report, an offline site: .daybreak/report/index.html
	$(BIN)/daybreak report

bench: setup ## measure speed and memory against hand-written baselines
	$(BIN)/python -m benchmarks

chaos: setup ## run every fault-injection test, slow ones included: docs/reference/faults.md
	$(BIN)/python -m pytest -m fault

clean: ## stop Airflow and the embedded servers, and remove all generated files
	@test ! -x $(BIN)/python || $(BIN)/python -m local.airflow stop
	@test ! -x $(BIN)/daybreak || $(BIN)/daybreak down
	rm -rf .venv .daybreak dbt_project/target dbt_project/logs logs build *.egg-info
