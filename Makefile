PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SOURCES := setup.cfg pyproject.toml

.PHONY: demo docs test test-all lint types clean

$(VENV)/.made: $(SOURCES)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "pvekit needs Python 3.11 or newer; say PYTHON=..."; exit 1; }
	@echo "Making a virtual environment in $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.demo: $(VENV)/.made
	@$(BIN)/pip install --quiet --disable-pip-version-check -e '.[lab]'
	@touch $@

$(VENV)/.test: $(VENV)/.made
	@$(BIN)/pip install --quiet --disable-pip-version-check -e '.[test]'
	@touch $@ $(VENV)/.demo

demo: $(VENV)/.demo
	@PATH="$(CURDIR)/$(BIN):$$PATH" sh docs/demo.sh

docs: $(VENV)/.test
	$(BIN)/python -c 'from pvekit.explanations import document; print(document(), end="")' \
		>docs/troubleshooting.md
	$(BIN)/python docs/reference.py

test: $(VENV)/.test
	$(BIN)/pytest -q -n 2 --dist worksteal -m 'not slow'

test-all: $(VENV)/.test
	$(BIN)/pytest -q -n 2 --dist worksteal

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.test
	$(BIN)/mypy

clean:
	rm -rf $(VENV) build dist *.egg-info
