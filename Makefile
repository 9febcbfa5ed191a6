# Callflow. `make` lists what there is. Two commands to begin with: `make demo` and `make test`.
#
# PYTHON=python3.12 make install    takes that Python; otherwise the newest of 3.13, 3.12, 3.11 that runs.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

PYTHON ?=
SCENARIO ?= order
ARGS ?=

VENV := .venv
BIN := $(VENV)/bin
PY := $(BIN)/python
INSTALLED := $(VENV)/.installed
LOCKS := requirements.lock requirements-nodeps.lock

say = printf '==> %s\n' '$(1)' >&2

##@ See it

.PHONY: demo
demo: asterisk  ## One real call, live. SCENARIO= order, operator, silence, barge-in, keypad
	@$(PY) -m asterisk.lab.demo $(SCENARIO)

.PHONY: run
run: asterisk  ## Serve until Ctrl-C: call it with a softphone. SIP_PORT= HTTP_PORT= and more, see docs/hear-it.md
	@exec $(PY) -m asterisk.lab.serve

.PHONY: bench
bench: asterisk  ## One table of what it costs and how fast it is. ARGS=--quick
	@$(PY) -m bench $(ARGS)

##@ Set it up (the others do this by themselves)

.PHONY: install
install: $(INSTALLED)  ## The virtual environment, with .venv/bin/callflow

$(INSTALLED): $(LOCKS) pyproject.toml .ci/venv
	@PYTHON='$(PYTHON)' .ci/venv
	@touch $@

.PHONY: asterisk
asterisk: $(INSTALLED)  ## The private Asterisk and the programs of the lab
	@$(PY) -m asterisk.lab.provision

##@ Work on it

.PHONY: test
test: lint typecheck imports asterisk  ## Everything: style, types, imports, unit, integration, real Asterisk
	@$(call say,tests of all kinds)
	@$(PY) -m pytest

.PHONY: check
check: lint typecheck imports unit  ## What takes a minute: style, types, imports, unit tests

.PHONY: unit
unit: $(INSTALLED)  ## Unit tests
	@$(call say,unit tests)
	@$(PY) -m pytest tests/unit

.PHONY: format
format: $(INSTALLED)  ## Rewrite the code in the house's form
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

.PHONY: lint
lint: $(INSTALLED)  ## Style: ruff, both of it
	@$(call say,style)
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .

.PHONY: typecheck
typecheck: $(INSTALLED)  ## Types: mypy, strict
	@$(call say,types)
	@$(BIN)/mypy

.PHONY: imports
imports: $(INSTALLED)  ## Who may import whom: import-linter
	@$(call say,imports)
	@$(BIN)/lint-imports --no-logo

.PHONY: docs
docs: $(INSTALLED)  ## Write the pages that are made from code: docs/settings.md, docs/machine.md
	@$(BIN)/callflow settings --markdown > docs/settings.md
	@$(PY) -m callflow.picture > docs/machine.md

.PHONY: lock
lock:  ## Choose versions anew and write requirements.lock (needs uv)
	@command -v uv >/dev/null || { echo 'make lock needs uv: pip install uv' >&2; exit 1; }
	@uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --all-extras \
		--no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock' \
		--output-file requirements.lock pyproject.toml

.PHONY: clean
clean:  ## Remove what can be made again; records (var/) and the private Asterisk stay
	@rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: help
help:  ## This list
	@awk 'BEGIN { FS = ":.*## " } /^##@ / { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
