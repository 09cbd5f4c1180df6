# Needs make, git, python3 (3.11 or newer) and python3-venv. Everything else goes into .venv, from requirements.lock.

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PIP := $(BIN)/python -m pip --quiet --quiet --no-input --disable-pip-version-check
PYTEST := $(BIN)/python -m pytest
WORKERS ?= auto

# What the caller's shell has set for another Python must not leak into this one.
unexport PYTHONPATH PYTHONHOME VIRTUAL_ENV

.DEFAULT_GOAL := help
.PHONY: help setup servers demo test lint format bench proof-kill proof-sim proof-mutants proof-succession proof-desks proof-fuzz proof-markets lock clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 24

setup: $(STAMP) ## .venv with everything pinned in requirements.lock

$(STAMP): requirements.lock pyproject.toml
	@python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo 'setup: python3 is older than 3.11'; exit 1; }
	@test -x $(BIN)/python || python3 -m venv $(VENV) || \
		{ rm -rf $(VENV); echo 'setup: no virtual environment; is python3-venv installed?'; exit 1; }
	@echo 'setup: installing the pinned packages into $(VENV) (a minute or two, once)'
	@$(PIP) install --require-hashes --only-binary :all: --requirement requirements.lock
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@
	@echo 'setup: done'

demo: setup ## a desk trades on twins of its venues; DESK=name, FOR=seconds, SPEED=number, SEED=number, DATA=path (recorded, on paper)
	@$(BIN)/quarterdeck demo $(DESK) $(if $(SPEED),--speed $(SPEED)) $(if $(FOR),--for $(FOR)) $(if $(DATA),--data '$(DATA)') $(if $(SEED),--seed $(SEED))

# What the tests talk to beside PostgreSQL, which comes in a wheel: Debian's packages, and the programs in them.
SERVERS := chromium redis-server prometheus prometheus-alertmanager
PROGRAMS := chromium redis-server prometheus promtool prometheus-alertmanager amtool
APT := DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300

servers: ## the servers that the tests start: as root they are installed, else it is said what is missing
	@for program in $(PROGRAMS); do command -v $$program >/dev/null || exit 1; done 2>/dev/null || { \
		test "$$(id -u)" = 0 && command -v apt-get >/dev/null || \
			{ echo 'servers: the tests need $(SERVERS); install them: apt-get install $(SERVERS)'; exit 1; }; \
		echo 'servers: installing $(SERVERS) (a minute, once)'; \
		$(APT) install --no-install-recommends $(SERVERS) >/dev/null 2>&1 || \
			{ $(APT) update && $(APT) install --no-install-recommends $(SERVERS) >/dev/null; }; }

test: lint servers ## lint, then every test
	@echo 'test: the kernel, interpreted'
	@NUMBA_DISABLE_JIT=1 $(PYTEST) --quiet --numprocesses $(WORKERS) --maxprocesses 4 tests/kernel
	@echo 'test: everything, compiled'
	@$(BIN)/quarterdeck compile --capacity small
	@$(PYTEST) --numprocesses $(WORKERS) --maxprocesses 4 --dist worksteal

lint: setup ## style, format, types, imports between rooms
	@echo 'lint: ruff'
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@echo 'lint: basedpyright, strict'
	@$(BIN)/basedpyright
	@echo 'lint: imports between rooms'
	@$(BIN)/lint-imports

format: setup ## rewrites what ruff can
	@$(BIN)/ruff check --fix
	@$(BIN)/ruff format

proof-kill: setup ## a live desk under load is killed a hundred times; KILLS=number, SEED=number
	@QUARTERDECK_CAPACITY=small $(BIN)/python -m tests.desk.killed --kills $(or $(KILLS),100) $(if $(SEED),--seed $(SEED))

proof-sim: setup ## ten thousand simulated desks with faults, watched by the oracle; SEEDS=A..B, EVENTS=number
	@$(BIN)/quarterdeck sim --seeds $(or $(SEEDS),1..10000) --events $(or $(EVENTS),1000) --workers 2

proof-mutants: setup ## each injected bug is found by the simulator; SEEDS=A..B
	@$(BIN)/quarterdeck sim --seeds $(or $(SEEDS),1..1000) --mutants tests/simulation/mutants --workers 2

proof-succession: setup ## leaders are killed and handed over under load; ROUNDS=number, STORE=file or postgresql
	@QUARTERDECK_CAPACITY=small $(BIN)/python -m tests.desk.succession --rounds $(or $(ROUNDS),6) --store $(or $(STORE),file)

proof-fuzz: setup ## damaged messages through every venue's readers; MESSAGES=number for each venue, SEED=number
	@QUARTERDECK_CAPACITY=small $(BIN)/python -m tests.conformance.fuzzed --messages $(or $(MESSAGES),100000) $(if $(SEED),--seed $(SEED))

proof-markets: setup ## random markets of real contracts on anvil: what is predicted, proven and earned on chain; MARKETS=number, SEED=number
	@QUARTERDECK_CAPACITY=small $(BIN)/python -m tests.venues.evm.proven --markets $(or $(MARKETS),200) --seed $(or $(SEED),7)

proof-desks: setup ## each desk trades on twins for ten hours of their market, at sixty times the clock; HOURS=number, DESK=name
	@QUARTERDECK_CAPACITY=small $(BIN)/python -m tests.desk.twin_day $(DESK) --hours $(or $(HOURS),10)

bench: setup ## ours and the peers side by side, into bench/RESULTS.md; ARGS= goes to bench/run.py
	@$(BIN)/python bench/run.py $(ARGS)

lock: setup ## pins again what pyproject.toml and requirements.in ask for
	@$(BIN)/uv pip compile --quiet --no-config --system-certs --python-version 3.11 --python-platform linux --generate-hashes \
		--no-header --no-annotate pyproject.toml requirements.in --output-file requirements.lock

clean: ## removes what was made here, .venv too; a desk's data stays
	rm -rf $(VENV) .hypothesis .pytest_cache .ruff_cache .import_linter_cache build src/*.egg-info
	find src tests bench -name __pycache__ -type d -prune -exec rm -rf {} +
