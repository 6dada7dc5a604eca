# Prefloop. `make run` and `make test` set everything up themselves; Python 3.11 and make is all they need.
#
#   make run                 serve on http://127.0.0.1:8000/ (PORT=, HOST=, PREFLOOP_DATA=)
#   make test                the whole suite, on SQLite and on PostgreSQL where one is reachable
#   make check               style, types, layers, migrations, vendored files
#   make fix                 what of that can be mended by itself
#   make bench DATA=FILE     speed against TRL on the same work, and of the queue (needs minutes)
#   make soak                the slow tests: real model, kills, many people at once

PYTHON ?= python3
BIN := $(or $(PREFLOOP_VENV),.venv)/bin
CODE := config annotation training scripts benchmarks tests manage.py

.DEFAULT_GOAL := help
.PHONY: help run test check fix bench soak install

help:
	@sed -n 's/^#   //p' Makefile

run:
	@exec $(PYTHON) scripts/bootstrap.py run

install:
	@$(PYTHON) scripts/bootstrap.py install --test

test: install
	@$(BIN)/python scripts/run_tests.py $(TESTS)

soak: install
	@$(BIN)/python -m pytest -m slow --timeout 3600 $(TESTS)

check: install
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/mypy config annotation training
	PYTHONPATH=. DJANGO_SETTINGS_MODULE=config.settings_test $(BIN)/lint-imports
	$(BIN)/python manage.py makemigrations --check --dry-run --settings config.settings_test
	$(BIN)/python scripts/vendor_assets.py --check

fix: install
	$(BIN)/ruff check --fix $(CODE)
	$(BIN)/ruff format $(CODE)

bench: install
	$(BIN)/python -m benchmarks $(if $(DATA),--data "$(DATA)")
