# Everything a newcomer needs; `make` lists it.
PY := .venv/bin/python

.PHONY: help setup demo test lint types bench conformance acceptance clean

help:  ## this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 8

setup: packages .venv/ready  ## system packages and the Python environment; does nothing where both are there

.PHONY: packages
packages:
	@setup/packages

.venv/ready: requirements.txt requirements-dev.txt pyproject.toml | packages
	@setup/environment requirements.txt requirements-dev.txt
	@touch $@

demo: setup  ## a region with synthetic registers: harvested, published, served
	@.venv/bin/sdi demo

test: setup  ## all tests, on a real PostGIS and real engines
	@$(PY) -m pytest -n 2 --dist loadfile

lint: setup  ## ruff
	@$(PY) -m ruff check sdi harvesters tests

types: setup  ## mypy, strict
	@$(PY) -m mypy

bench: setup  ## measure against peers; ARGS="--parcels 500000" writes docs/benchmarks.md
	-@setup/packages tests/bench/apt.txt
	@$(PY) -m tests.bench $(ARGS)

conformance: setup  ## the OGC's own test suites against a demo node (wants Java 17 and Maven)
	@$(PY) -m tests.conformance

acceptance: setup  ## real clients against a demo node: QGIS, GDAL, OWSLib, OpenLayers, MapLibre, schemathesis
	-@setup/packages tests/acceptance/apt.txt
	@$(PY) -m tests.acceptance $(ARGS)

clean:  ## remove the environment and caches; the data in var/ stays
	rm -rf .venv build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find sdi harvesters tests -name __pycache__ -prune -exec rm -rf {} +
