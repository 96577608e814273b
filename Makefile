# Hutong. `make help` lists what there is. Everything runs in .venv.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PROTOS := $(wildcard proto/hutong/v1/*.proto)
CODE   := server client tests
# Two cores are the machine that we plan for; a third of their time tests wait for something.
JOBS   ?= 3

.DEFAULT_GOAL := help
.PHONY: help install demo serve certs test check format lint types imports proto proto-check proto-drift migration-check packages unit bench fuzz clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/\1\t\2/' | expand -t 18

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt hatchling editables
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --no-build-isolation --editable '.[server,dev]'
	@touch $@

install: $(VENV)/.installed ## Install into .venv

certs: install ## Make development certificates under certs/
	$(BIN)/python deploy/dev/make_certs.py

demo: install ## Run the main job once, from a hospital's report to the doctor's prompt
	$(BIN)/python deploy/demo/demo.py

serve: install ## Keep the demo's registry running
	$(BIN)/python deploy/demo/demo.py --serve

test: check unit ## Every check and every test

check: format-check lint types imports proto-check proto-drift migration-check ## All checks but the tests

.PHONY: format-check
format-check: install
	$(BIN)/ruff format --check $(CODE) deploy

format: install ## Format the code
	$(BIN)/ruff format $(CODE) deploy
	$(BIN)/ruff check --fix $(CODE) deploy

lint: install
	$(BIN)/ruff check $(CODE) deploy

types: install
	$(BIN)/mypy

imports: install
	$(BIN)/lint-imports --no-cache

proto: install ## Generate code from proto/
	$(BIN)/python -m grpc_tools.protoc -Iproto --plugin=protoc-gen-mypy_grpc=$(BIN)/protoc-gen-mypy_grpc \
	  --python_out=proto --pyi_out=proto --grpc_python_out=proto --mypy_grpc_out=proto $(PROTOS)

proto-check: install
	$(BIN)/buf lint
	PATH="$(CURDIR)/$(BIN):$$PATH" sh deploy/dev/proto_breaking.sh

proto-drift: install
	PATH="$(CURDIR)/$(BIN):$$PATH" sh deploy/dev/proto_drift.sh

migration-check: install
	$(BIN)/python deploy/dev/migration_drift.py

packages: ## Get what tests need of the system's packages, under build/
	@sh deploy/dev/system_packages.sh

unit: install packages
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile --durations 25 --durations-min 3

CASES ?= tests/cases
.PHONY: cases
cases: install ## Judge case files: make cases CASES=DIR
	HUTONG_CASES=$(abspath $(CASES)) $(BIN)/python -m pytest tests/unit/domain/test_cases.py

BENCH ?=
bench: install ## Speed, each figure beside a floor of the same run (build/bench.json, .md, .svg; about 25 minutes; BENCH='--only day', BENCH=--quick)
	$(BIN)/python -m tests.bench $(BENCH)

VISITS ?= 3000
.PHONY: city-month
city-month: install ## A month of a city of 839 institutions, what recognition is worth (about 5 minutes; VISITS=, SEED=)
	$(BIN)/python deploy/city_month/month.py --visits $(VISITS) --seed $${SEED:-1}

.PHONY: walk
walk: install ## The documents from a bare machine to the first prompt, on a copy of this one, by apt-get and pip (root; minutes)
	HUTONG_WALK=whole $(BIN)/python -m pytest tests/walk --timeout 0

MINUTES ?= 10
.PHONY: soak
soak: install ## Twelve hours of a city's day in ten minutes: does the end equal the beginning? (build/soak.svg, MINUTES=)
	$(BIN)/python -m tests.soak --minutes $(MINUTES)

REPORTS ?= 1000000
.PHONY: city
city: install ## Load a large made city into build/city, a million reports in minutes (REPORTS=, DATABASE=url)
	$(BIN)/python -m tests.bulk --reports $(REPORTS) $(if $(DATABASE),--database $(DATABASE))

fuzz: install ## Fuzz every method and the intake for longer, with new examples each time (minutes)
	FUZZ_EXAMPLES=$${FUZZ_EXAMPLES:-2000} $(BIN)/python -m pytest tests/fuzz --timeout 0

.PHONY: faults
faults: install packages ## Stop, kill, fill and cut everything for ten seconds each (5 minutes; FAULT_SECONDS=)
	FAULT_SECONDS=$${FAULT_SECONDS:-10} $(BIN)/python -m pytest tests/faults -o python_files="test_*.py long_*.py"

.PHONY: bench-memory
bench-memory: install ## Memory of the server after 100,000 reports (takes minutes)
	$(BIN)/python -m tests.bench --memory

FROM ?= $(shell git describe --tags --abbrev=0 2>/dev/null)
.PHONY: upgrade
upgrade: install packages ## Upgrade two replicas from a tag or commit to this version under load, and roll back (FROM=; a minute)
	UPGRADE_FROM=$(FROM) $(BIN)/python -m pytest tests/e2e/test_replicas.py

.PHONY: failover pooler distributed
failover: install ## Kill the PostgreSQL primary under load and promote its standby, ten times (2 minutes; HUTONG_FAILOVERS=)
	HUTONG_FAILOVERS=$${HUTONG_FAILOVERS:-10} $(BIN)/python -m pytest tests/e2e/test_failover.py -s -q

pooler: install packages ## The whole store suite through a real pgbouncer (minutes)
	HUTONG_TEST_BACKENDS=pgbouncer $(BIN)/python -m pytest tests/store -q

distributed: install ## The store and the use cases in the form for Citus, on one PostgreSQL (minutes)
	HUTONG_TEST_BACKENDS=distributed $(BIN)/python -m pytest tests/store tests/usecases -q

clean: ## Remove what was made
	rm -rf $(VENV) build var dist
