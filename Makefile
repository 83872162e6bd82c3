# `make help` lists what can be made. Every target can be called again at any time, and from a clean
# clone; what is longer than a few lines of shell lies in tools/.

PYTHON ?= python3
BIN = .venv/bin
export WORKER_PYTHON QGIS_PYTHON QGIS_PROCESS PROFILE

.DEFAULT_GOAL := help
.PHONY: help python worker setup lint format test test-slow package install demo bench clean \
	distclean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 12

python:
	@command -v $(PYTHON) >/dev/null \
	|| { command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ] \
	     && apt-get -qq update && apt-get -qq install --yes python3; } \
	|| { echo "No $(PYTHON) here; install Python 3.10 to 3.13" >&2; exit 1; }

worker: python
	@$(PYTHON) tools/environments.py worker

setup: python ## make or update .venv and .venv-qgis, and install QGIS on Debian when root
	@$(PYTHON) tools/environments.py worker qgis

lint: worker ## style, format and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: worker ## format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

test: setup ## the whole test suite but the slow ones; PYTEST_ARGS="..." for pytest
	@$(PYTHON) tools/run_tests.py -m "not slow" $(PYTEST_ARGS)

test-slow: setup ## the slow tests
	@$(PYTHON) tools/run_tests.py -m slow $(PYTEST_ARGS)

package: python ## the plugin in build/plugins/seaice_qgis/ and its zip in dist/
	@$(PYTHON) tools/package.py

install: package ## the plugin into your QGIS profile; PROFILE=name for another than default
	@$(PYTHON) tools/install.py

demo: setup package ## simulate a scene, train and predict with QGIS; results in build/demo/
	@$(PYTHON) tools/demo.py

bench: setup package ## measure speed; figures in build/bench.json
	@$(PYTHON) tools/bench.py

clean: ## remove what was built, but not the environments
	rm -rf build dist .qgis-settings .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find seaice_qgis ml_core tests tools -name __pycache__ -prune -exec rm -rf {} +

distclean: clean ## and the environments too (of a link, only the link)
	rm -rf .venv .venv-qgis
