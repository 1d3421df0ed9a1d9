# Needs python3 (3.8 or newer), make and git. Everything else is fetched into the project's folder.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c

BIN := .venv/bin
READY := .venv/.complete
# `make test` runs these in this order, LANES at a time: most of their time is waiting. Long ones come early.
LANES ?= 2
SUITES := unit integration contract conformance promises chart-test monitoring faults

# Faults are waited for most of the time: `make faults` and faults-full have so many stacks beside one another.
FAULT_LANES ?= $(if $(filter faults-full,$@),5,3)
SIDE_BY_SIDE = $(if $(filter faults faults-full,$@),-n $(FAULT_LANES) --dist loadgroup --no-loadscope-reorder)

# CI's machine is shared: what needs processes may fail once there, and what shares a broken server with it a second time;
# so what failed is tried again at once, then on servers of its own (monitoring as a whole: its scenes build on each other).
# The run says what it repeated.
AGAIN = $(and $(CI),$(filter-out unit,$@))

# Docker where its server answers, else Buildah. IMAGE, TAG, BASE and BUILD may be given.
IMAGE ?= windrow
VERSION = $(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
TAG ?= $(VERSION)
BUILD ?= $(shell if docker info >/dev/null 2>&1; then echo docker build; else echo buildah build --layers; fi)
IMAGE_ARGS = $(if $(BASE),--build-arg BASE=$(BASE)) --build-arg VERSION=$(VERSION) \
	--build-arg REVISION=$(shell git rev-parse HEAD 2>/dev/null || echo unknown)

.PHONY: help setup up down check format test $(SUITES) faults-full faults-mutants soak e2e e2e-full e2e-images e2e-lab chart \
	dashboards settings crash bench image compose sbom clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z0-9_-]+:.*## / {printf "  \033[36mmake %-12s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(READY): pyproject.toml uv.lock tools/bootstrap.py
	@python3 tools/bootstrap.py

setup: $(READY) ## Make the environment (.venv); fetches uv when it is missing

up: $(READY) ## Run everything here and parse a first real source; DETACH=1 returns once ready; BROKER=rabbitmq
	@$(if $(BROKER),WINDROW_BROKER=$(BROKER)) $(BIN)/windrow up $(if $(DETACH),--detach) $(ARGS)

down: $(READY) ## End what `make up DETACH=1` started
	@$(BIN)/windrow down

check: $(READY) ## Formatting, lint, types, the contracts of the house
	@echo '== check'
	@bad=0; \
	$(BIN)/ruff format --check . || { bad=1; echo 'make format does it'; }; \
	$(BIN)/ruff check . || bad=1; \
	$(BIN)/mypy || bad=1; \
	$(BIN)/lint-imports --no-logo || bad=1; \
	$(BIN)/python tools/check_house.py || bad=1; \
	exit $$bad

format: $(READY) ## Format the code and sort its imports
	@$(BIN)/ruff check --quiet --select I --fix .
	@$(BIN)/ruff format .

test: $(READY) ## check, then the suites, unit to faults
	@start=$$SECONDS; \
	$(MAKE) --no-print-directory check && \
	$(MAKE) --no-print-directory -j$(LANES) $(if $(CI),-k -Otarget) $(SUITES) && \
	echo "make test: green in $$((SECONDS - start)) s"

$(SUITES): $(READY)
	@echo '== $@'
	@# A folder of its own: another pytest would close the usual one to the account that PostgreSQL runs under.
	@folder=$$(mktemp -d) status=0; \
	suite() { $(BIN)/pytest tests/$(@:-test=) -o cache_dir=.pytest_cache/$@ $(SIDE_BY_SIDE) $(ARGS) "$$@" || status=$$?; }; \
	suite --basetemp=$$folder/t $(if $(AGAIN),--reruns 1 -raR); \
	if [ $$status = 1 ] && [ -n '$(AGAIN)' ]; then \
		echo '== $@: what failed, once more on servers of its own'; \
		status=0; suite --basetemp=$$folder/again -raR $(if $(filter monitoring,$@),,--last-failed --last-failed-no-failures=none); \
	fi; \
	rm -rf "$$folder"; exit $$status

# What help says about them; their recipe stands above.
unit: ## Rules and nouns: no sockets, no processes. ARGS='-k name' narrows any suite
integration: ## Real Redis, PostgreSQL and Celery on this machine
contract: ## What two files must agree about
conformance: ## A Celery project, unchanged, beside stock Celery
promises: ## What the README promises, on real processes: poison, outages, cancels, drains
chart-test: ## The Helm chart: lint, schemas, guards, contracts; builds Helm and its like once, from Go modules
monitoring: ## A real Prometheus and Alertmanager over a running stack; WINDROW_RECORD=1, WINDROW_PICTURES=1 keep what it saw
faults: ## Processes killed, stores taken away, times at 1/20; writes build/faults.json. ARGS='--seed 7 --only 1,11'

# As they are: nothing is repeated. What has ended is kept in build/faults-full.json: the next start of the same commit
# goes on from there. WINDROW_FAULTS_ONLY=1 does one of them.
faults-full: $(READY) ## Every fault with real times and counts, five side by side; writes its tables into docs/reliability.md
	@echo '== $@'
	@folder=$$(mktemp -d) status=0; \
	WINDROW_FAULTS=full $(BIN)/pytest tests/faults -m 'fault or measured' $(SIDE_BY_SIDE) --report \
		--basetemp=$$folder/t $(ARGS) || status=$$?; \
	rm -rf "$$folder"; exit $$status

faults-mutants: $(READY) ## Break six guards, one at a time in a copy of the tree: each must turn a test red
	@echo '== $@'
	@$(BIN)/python -m tests.faults.mutants $(ARGS)

soak: $(READY) ## Ten minutes of random faults: memory, connections and descriptors stay flat
	@echo '== $@'
	@folder=$$(mktemp -d) status=0; \
	WINDROW_SOAK_SECONDS=$${WINDROW_SOAK_SECONDS:-600} $(BIN)/pytest tests/faults/test_faults_soak.py \
		--basetemp=$$folder/t $(ARGS) || status=$$?; \
	rm -rf "$$folder"; exit $$status

# Each case once, never again: a job lost in one of two runs is a lost job.
e2e: $(READY) ## The chart on the cluster of KUBECONFIG: six cases; its nodes need the images of `make e2e-images`
	@echo '== $@'
	@$(BIN)/pytest tests/e2e -m 'not full' $(ARGS)

e2e-full: $(READY) ## All cases, at length; ARGS=--report writes docs/e2e-report.md
	@echo '== $@'
	@$(BIN)/pytest tests/e2e $(ARGS)

e2e-images: image ## The images of `make e2e`: `make image`, and what the tests put on top of it; FULL=1: of the long ones
	@$(BIN)/python -m tests.e2e.build $(if $(FULL),--full) $(IMAGE):$(TAG) $(BUILD)

e2e-lab: $(READY) ## `make e2e` on a cluster made by ../shared/lab, which is taken down again; FULL=1: `make e2e-full`
	@FULL=$(FULL) tools/lab_e2e.sh $(ARGS)

chart: $(READY) ## Write the chart's values.schema.json and README.md anew from its values
	@$(BIN)/python -m tools.go_tools helm-values-schema-json helm-docs >/dev/null
	@program="$$($(BIN)/python -m tools.go_tools helm-values-schema-json)"; cd charts/windrow && "$$program"
	@$(BIN)/python -m tools.chart_production charts/windrow
	@"$$($(BIN)/python -m tools.go_tools helm-docs)" --chart-search-root charts/windrow

dashboards: $(READY) ## Compile infra/dashboards into the chart
	@$(BIN)/python -m tools.dashboards -m infra.dashboards

settings: $(READY) ## Write docs/settings.md anew from the settings classes and their comments
	@$(BIN)/python -m tools.settings_page

crash: $(READY) ## The crash tests at length: 3 kills a point, 200 at seeded instants; writes build/crash.json
	@WINDROW_CRASH=full $(BIN)/pytest tests/faults $(ARGS)

bench: $(READY) ## Windrow beside stock Celery in one run; writes build/bench.json
	@mkdir -p build
	@$(BIN)/python -m tests.bench $(ARGS)

image: ## Build the images windrow and windrow-tools; IMAGE=, TAG=, BASE= change name, version and base
	$(BUILD) --target windrow $(IMAGE_ARGS) -t $(IMAGE):$(TAG) .
	$(BUILD) --target tools $(IMAGE_ARGS) -t $(IMAGE)-tools:$(TAG) .

compose: ## Everything in containers with Docker Compose; PROFILE=rabbitmq takes RabbitMQ as the broker
	@python3 tools/compose_env.py .windrow/compose.env
	@$(if $(filter rabbitmq,$(PROFILE)),RABBITMQ_HOST=rabbitmq) docker compose --env-file .windrow/compose.env \
		$(if $(PROFILE),--profile $(PROFILE)) up --build --detach --wait

sbom: $(READY) ## Write what the images' locks name to build/sbom, as CycloneDX
	@mkdir -p build/sbom
	@uv=$$(ls .windrow/tools/uv-*/bin/uv 2>/dev/null | tail -1); \
	export="$${uv:-uv} export --quiet --frozen --format cyclonedx1.5"; \
	$$export --no-default-groups --extra summaries --extra traces --output-file build/sbom/windrow.cdx.json >/dev/null; \
	$$export --project docker/tools --output-file build/sbom/windrow-tools.cdx.json >/dev/null; \
	ls build/sbom/*.cdx.json

clean: ## Remove the environment, caches and build output; what `make up` keeps in .windrow stays
	rm -rf .venv .windrow/tools build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find services tests tools -type d -name __pycache__ -prune -exec rm -rf {} +
