# `make` alone prints the targets.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help demo test check format bench crashtest modeltest gatetest conformance lock clean

help: ## print this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

$(READY): requirements-dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Relais needs Python 3.11 or newer; set PYTHON=/path/to/python3.11"; exit 1; }
	@test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV) 2>/dev/null || { rm -rf $(VENV); $(PYTHON) -m venv --without-pip $(VENV) && $(PYTHON) -m pip --quiet --python $(BIN)/python install pip; } || { echo "this Python has neither ensurepip nor pip: install python3-venv, or set PYTHON=/path/to/python3.11"; exit 1; }
	@echo "installing the locked dependencies into $(VENV)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $@

demo: $(READY) ## play a day of messages through the real daemon and say what happened
	@$(BIN)/relais demo

test: $(READY) ## run all tests
	@$(BIN)/python -m pytest

check: $(READY) ## lint, strict types, generated files current
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

format: $(READY) ## let ruff lay the code out
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: $(READY) ## measure, beside named peers, in one run; writes build/bench.json
	@$(BIN)/python -m tests.bench

crashtest: $(READY) ## kill -9 the daemon at random moments of the demo day (RUNS=50)
	@$(BIN)/python -m tests.crash --runs $(or $(RUNS),50)

modeltest: $(READY) ## random sequences of messages, wills, clock steps and crashes (SEQUENCES=100000, JOBS=1, SEED=)
	@$(BIN)/python -m tests.sequences --sequences $(or $(SEQUENCES),100000) --jobs $(or $(JOBS),1) $(if $(SEED),--seed $(SEED))

gatetest: $(READY) ## take each gate away in turn: a test must turn red (JOBS=1, ONLY=words)
	@$(BIN)/python -m tests.gates --jobs $(or $(JOBS),1) $(if $(ONLY),--only "$(ONLY)")

conformance: $(READY) ## run the national kit over every CDA that is made, the demo day's too (KIT=its folder, EBRIM=folder of lcm.xsd, FILES=others)
	@test -n "$(KIT)" || { echo "give the checked-out kit: make conformance KIT=<folder of ansforge/TestContenuCDA-3-0>"; exit 2; }
	@$(BIN)/python -c 'import saxonche' 2>/dev/null || $(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[conformance]'
	@$(BIN)/python -m tests.conformance --kit "$(KIT)" $(if $(EBRIM),--ebrim "$(EBRIM)") $(FILES)

lock: $(READY) ## resolve the dependencies anew
	@$(BIN)/python -m pip install --quiet uv
	@$(BIN)/uv pip compile pyproject.toml --generate-hashes --no-emit-index-url --no-annotate --no-header --python-version 3.11 -o requirements.lock
	@$(BIN)/uv pip compile pyproject.toml --extra dev -c requirements.lock --generate-hashes --no-emit-index-url --no-annotate --no-header --python-version 3.11 -o requirements-dev.lock

clean: ## remove what the commands above made
	rm -rf $(VENV) build var
