# Two commands: `make run` starts Holdfast, `make test` runs every test. Both install what they need into .venv first.

HOST ?= 127.0.0.1
PORT ?= 8765
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help run test lint format bench browser clean

help: ## list the targets
	@awk -F':.*## ' '/^[a-z]+:.*## /{printf "make %-8s %s\n", $$1, $$2}' Makefile

run: $(VENV)/.run ## start the server on HOST (127.0.0.1) and PORT (8765); data in HOLDFAST_DATA_DIR (var/)
	@exec deploy/serve.sh $(BIN)/python --host '$(HOST)' --port '$(PORT)'

test: $(VENV)/.dev browser ## run every test; ARGS="tests/services -k reset" narrows it
	@.ci/test $(ARGS)

lint: $(VENV)/.dev ## style, types and the floors of the house
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.dev ## mend what can be mended by itself
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.dev ## measure, and write docs/benchmarks.md
	@$(BIN)/python -m bench $(ARGS)

clean: ## remove what was built; var/, your data, stays
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis test-results
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "Holdfast needs Python 3.11 or newer; '$(PYTHON)' is $$($(PYTHON) --version 2>&1)." >&2; \
		echo "Install one and say which: make run PYTHON=python3.12" >&2; exit 1; }
	@if ! $(PYTHON) -c 'import ensurepip, venv' 2>/dev/null; then \
		package=$$($(PYTHON) -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])'); \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			echo "Installing $$package, which this Python lacks."; \
			apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$$package" >/dev/null; \
		else \
			echo "This Python cannot make virtual environments. On Debian and Ubuntu: sudo apt-get install $$package" >&2; exit 1; \
		fi; \
	fi
	@echo "Making $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV)

# The stamps make a second start free: nothing is asked of pip until a requirements file changes.
$(VENV)/.run: requirements.txt | $(VENV)/bin/python
	@echo "Installing requirements.txt"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@$(BIN)/python -m compileall -q controlui sessions_app
	@touch $@

$(VENV)/.dev: requirements-dev.txt $(VENV)/.run
	@echo "Installing requirements-dev.txt"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

# The browser tests drive whichever Chromium is there. Without a font its pages would be blank.
browser:
	@if [ -n "$$CHROMIUM" ] || command -v chromium >/dev/null || command -v chromium-browser >/dev/null; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		echo "Installing chromium for the browser tests"; \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
			apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core >/dev/null; \
	else \
		echo "The browser tests need Chromium and will say so. Debian: sudo apt-get install chromium fonts-dejavu-core." >&2; \
		echo "Elsewhere: install Chrome or Chromium and set CHROMIUM to its program." >&2; \
	fi
