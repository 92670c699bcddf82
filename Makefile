# Two commands set a fresh machine up: `make demo` (core only) and `make test` (everything).
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check

.PHONY: demo test lint typecheck contracts suite clean

demo: $(VENV)/.core
	$(BIN)/likeness demo --out demo

test: $(VENV)/.dev lint typecheck contracts suite

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

typecheck: $(VENV)/.dev
	$(BIN)/mypy

contracts: $(VENV)/.dev
	$(BIN)/lint-imports

# One thread in each of the two processes: more would only wait for one another.
suite: $(VENV)/.dev
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadscope

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(None if (3, 11) <= sys.version_info < (3, 13) else "Likeness needs Python 3.11 or 3.12; use make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)

# The stamp files depend on what was installed from, so that a changed pyproject installs again.
$(VENV)/.core: pyproject.toml constraints.txt | $(BIN)/python
	@start=$$(date +%s); \
	$(PIP) install -q -c constraints.txt -e . || exit 1; \
	end=$$(date +%s); \
	echo "Installed the core in $$((end - start)) s; $(VENV) holds $$(du -sm $(VENV) | cut -f1) MB."
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) install -q -c constraints.txt -e '.[dev]'
	@touch $@ $(VENV)/.core

clean:
	rm -rf $(VENV) demo .mypy_cache .ruff_cache .pytest_cache .hypothesis
