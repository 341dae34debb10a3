# make medical · education · customer-service · test · check · bench
# A fresh machine needs Python 3.11 or newer and make; everything else is installed into .venv here.

PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin

# Public data to measure on lies outside the project; tests and benchmarks that use it skip where it is absent.
ifneq ($(wildcard ../shared/data/README.md),)
export POLYFUSE_DATA ?= $(abspath ../shared/data)
endif
export HF_HUB_OFFLINE ?= 1
export HF_HUB_DISABLE_TELEMETRY := 1

.PHONY: medical education customer-service test check bench system

.venv/.app: pyproject.toml
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet --progress-bar off -e '.[weights,speech,lecture,documents]'
	@touch $@

.venv/.test: .venv/.app
	$(BIN)/pip install --quiet --progress-bar off -e '.[weights,speech,lecture,documents,tags,adapters,private,test,check]'
	@touch $@

medical: .venv/.app
	$(BIN)/streamlit run apps/medical

education: .venv/.app
	$(BIN)/streamlit run apps/education

customer-service: .venv/.app
	$(BIN)/streamlit run apps/customer_service

test: .venv/.test system
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder  # a core a worker; long files are not left to the end

check: .venv/.test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: .venv/.test
	$(BIN)/python -m benchmarks

# Browser tests use the system's Chromium, one on DICOM dicom3tools; without them, and without the right to install them,
# these tests skip and say so.
system:
	@{ command -v chromium && command -v dciodvfy; } >/dev/null || { command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ] \
		&& { apt-get update -qq; apt-get install -y -qq chromium; apt-get install -y -qq dicom3tools; } >/dev/null 2>&1; } \
		|| echo "no Chromium or no dicom3tools: the tests that use them will be skipped"
