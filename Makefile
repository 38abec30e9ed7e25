# Two commands: "make audit" shows the tool on a shipped example, "make test" proves it. Both share .venv.
PYTHON ?= python3
CASE   ?= data/fixtures/qwen3.6-plus/case.yaml
OUT    ?= reports/latest
VENV   := .venv
READY  := $(VENV)/.ready

.PHONY: audit test example bench lint lock clean

audit: $(READY)
	@$(VENV)/bin/audit run --case $(CASE) --out $(OUT)

test: $(READY)
	@$(VENV)/bin/python -m pytest -n 2 --dist loadfile $(PYTEST_ARGS)

# The finished report that is kept in git; a test compares it with what the code writes.
example: $(READY)
	@rm -rf reports/example
	@$(VENV)/bin/audit run --case data/fixtures/qwen3.6-plus/case.yaml --out reports/example

# Measures this machine, and rewrites the tables of docs/scale.md.
bench: $(READY)
	@$(VENV)/bin/python -m benchmarks --write $(BENCH_ARGS)

lint: $(READY)
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/mypy

# The lock file names exact versions and the hashes of their files; nothing else is installed.
$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "audit needs Python 3.11 or later; $$($(PYTHON) --version) was found. Try: make PYTHON=python3.12" >&2; exit 1; }
	@test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	@echo "Setting up $(VENV) (about a minute, once)"
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps --only-binary :all: -r requirements.lock
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

# Needs uv. The file is written without index addresses, so that it installs from any mirror.
lock:
	uv pip compile pyproject.toml --group dev requirements-build.in --universal --python-version 3.11 \
	  --generate-hashes --no-emit-index-url --no-header --no-annotate --upgrade -o requirements.lock

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
