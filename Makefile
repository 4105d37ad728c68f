# Everything one types in this project. `make` alone lists the targets.

PYTHON ?= python3
VENV   ?= .venv
bin     = $(VENV)/bin
pip     = $(bin)/python -m pip --disable-pip-version-check
# uv does not read pip's configuration, so the index that pip was told is handed to it; told none, each has its default.
index   = $${UV_DEFAULT_INDEX:-$${PIP_INDEX_URL:-$$($(pip) config get global.index-url 2>/dev/null)}}
uv      = env $$(index="$(index)"; echo $${index:+UV_DEFAULT_INDEX=$$index}) UV_PYTHON_DOWNLOADS=never UV_SYSTEM_CERTS=1 $(bin)/uv
compile = $(uv) pip compile -q --universal --generate-hashes --no-header --no-emit-index-url

# Hundreds of processes are started below, and none should compile what another has compiled, whatever the shell says.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-all check bench bench-doubles bench-otp soak lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' Makefile

setup: $(VENV)/.ready ## make the environment in .venv (needs only Python 3.11 or newer and a package index)

demo: setup ## run a sample campaign against a local gateway: private Redis, workers, report; nothing leaves this machine
	$(bin)/smsq demo

test: setup ## run the tests, except the slow ones
	$(bin)/python -m pytest -m "not slow"

test-all: setup ## run all tests
	$(bin)/python -m pytest

check: setup ## run what a reviewer would run: lint, format, types, tests
	$(bin)/ruff check .
	$(bin)/ruff format --check .
	$(bin)/mypy
	$(bin)/python -m pytest -m "not slow"

bench: setup ## measure against the goals and write docs/benchmarks.md
	$(bin)/python -m tests.bench

bench-doubles: setup ## run smsq and three peers through the same lost answers, and write docs/doubles.md
	$(bin)/python -m tests.bench.doubles

bench-otp: setup ## measure how long a code takes in smsq and three peers, idle and beside campaigns, and write docs/otp-latency.md
	$(bin)/python -m tests.bench.otp

SOAK ?= --minutes 10
soak: setup ## run ten minutes of random faults on real processes, judged by the gateway (SOAK="--minutes 60 --seed 7")
	$(bin)/python -m tests.journeys.soak $(SOAK)

lock: setup ## write requirements.lock (to run smsq) and requirements-dev.lock (to develop it) from pyproject.toml
	$(compile) --extra worker --extra rabbitmq --extra otel --extra dev pyproject.toml -o requirements-dev.lock
	$(compile) --extra worker -c requirements-dev.lock pyproject.toml -o requirements.lock

clean: ## remove the environment and what tools left behind (not .smsq, which holds data)
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info
	find worker producers tests -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "smsq needs Python 3.11 or newer; '$(PYTHON)' is not. Name another: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "'$(PYTHON)' comes without venv and ensurepip. On Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

# Through uv where it can be had, else through pip alone (three times slower, the same result).
$(VENV)/.ready: requirements-dev.lock requirements-uv.lock pyproject.toml | $(VENV)/bin/python
	{ $(pip) install -q --require-hashes --no-deps -r requirements-uv.lock \
	  && $(uv) pip install -q --python $(bin)/python --compile-bytecode --require-hashes -r requirements-dev.lock; } \
	  || $(pip) install -q --require-hashes --no-deps -r requirements-dev.lock
	$(pip) install -q --no-deps --no-build-isolation -e .
	@touch $@
