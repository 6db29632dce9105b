# One recipe for a person and for CI. `make help` lists them.

# One cache for all checkouts, so that dependencies build once.
export CARGO_TARGET_DIR ?= $(HOME)/.cache/weir/target

CARGO ?= cargo
DEV_WEIR := $(CARGO_TARGET_DIR)/debug/weir
MOTO_PYTHON := $(CARGO_TARGET_DIR)/moto-python
EVENTS ?= 100000
PORT ?= 8080
SOAK ?= 300
CRASH_POINTS ?= 200
ORACLE_QUESTIONS ?= 20000
DEPLOYED_EVENTS ?= 100000
# For AWS: the environment, what programs are built for, and flags for `cdk deploy` and `cdk destroy`.
ENV ?=
ARCH ?= x86_64
CDK_FLAGS ?=
CARGO_LAMBDA := $(CARGO_TARGET_DIR)/cargo-lambda-python
SYNTH_OUT = $(CARGO_TARGET_DIR)/infra/$(ENV)
# Data goes with an environment only if its settings say so and this names it.
DELETE_DATA ?=
SYNTH_FLAGS = $(if $(DELETE_DATA),-c delete-data=$(DELETE_DATA)) $(if $(ARTIFACTS),-c artifacts=$(abspath $(ARTIFACTS)))

.DEFAULT_GOAL := help
.PHONY: help run test build check format bench bench-lake bench-query bench-page bench-ingest bench-function soak crash oracle page setup setup-build setup-test setup-aws setup-package test-rust test-page test-browser test-clients test-engines test-infra test-aws package synth deploy destroy need-env clean

help: ## Show what there is to make
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: setup-build page ## Start the whole system on this machine with demo data, and print the page's address
	$(CARGO) build --workspace --bins
	$(DEV_WEIR) dev --demo $(EVENTS) --port $(PORT)

test: setup-build setup-test page ## Install what tests need, and run every test
	$(MAKE) test-rust test-page test-browser test-clients test-engines test-infra

build: setup-build page ## Build the release: $CARGO_TARGET_DIR/release/weir, page included
	$(CARGO) build --release -p query-cli
	@echo "$(CARGO_TARGET_DIR)/release/weir"

check: setup-build page ## Check formatting, lints, types and documentation
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --document-private-items
	cd web && npx tsc --noEmit

format: ## Format the code
	$(CARGO) fmt --all

bench: build ## Measure the release: import speed and memory, start-up, and a funnel
	scripts/bench.sh "$(CARGO_TARGET_DIR)/release/weir"

bench-lake: build ## Measure the lake beside DuckDB and Polars: import, compaction, size, opening, delay (see scripts/bench-lake.sh)
	$(CARGO) build --release -p compact-fn --example compaction
	$(CARGO) build --release -p weir-lake --example open_month
	scripts/bench-lake.sh "$(CARGO_TARGET_DIR)/release/weir" "$(CARGO_TARGET_DIR)/engines-python"

bench-query: build ## Measure questions beside ClickHouse and DuckDB: CPU, memory, growth (see scripts/bench-query.sh)
	scripts/bench-query.sh "$(CARGO_TARGET_DIR)/release/weir" "$(CARGO_TARGET_DIR)/engines-python"

bench-page: build setup-test ## Measure the page in a browser: bytes, time to use, what it adds to a question (BENCH_LAKE names a lake)
	cd web && WEIR_BIN="$(CARGO_TARGET_DIR)/release/weir" node e2e/bench.mjs

bench-ingest: ## Measure the collector beside a bare handler: the bars of ingest, in about two minutes
	$(CARGO) build --release -p weir-load --bins
	scripts/bench-ingest.sh "$(CARGO_TARGET_DIR)/release"

bench-function: setup-aws ## Measure collector and compactor as Lambda functions: size, start, memory, time of a batch, delay of an event
	$(CARGO) build --profile lambda -p ingest-fn -p compact-fn --bin ingest-fn --bin compact-fn
	cd tests && WEIR_MOTO_PYTHON=$(MOTO_PYTHON)/bin/python \
		$(CARGO) run -p weir-tests --example function_bars -- "$(CARGO_TARGET_DIR)/lambda/ingest-fn"
	cd tests && WEIR_MOTO_PYTHON=$(MOTO_PYTHON)/bin/python \
		$(CARGO) run -p weir-tests --example compactor_bars -- "$(CARGO_TARGET_DIR)/lambda/compact-fn"
	cd tests && WEIR_MOTO_PYTHON=$(MOTO_PYTHON)/bin/python \
		$(CARGO) run -p weir-tests --example delay_bars -- "$(CARGO_TARGET_DIR)/lambda/ingest-fn"

soak: ## Saturate the collector for SOAK seconds while its parts fail, and count what is there
	SOAK=$(SOAK) $(CARGO) test --release -p weir-load --test soak -- --nocapture

crash: ## Kill import, landing, compaction and erasure at CRASH_POINTS random points of one lake, and count what is there
	$(CARGO) build --workspace --bins
	WEIR_BIN=$(DEV_WEIR) CRASH_POINTS=$(CRASH_POINTS) $(CARGO) test -p weir-tests --test crash points -- --nocapture

oracle: ## Hold ORACLE_QUESTIONS random funnels about small lakes against an enumeration of all attempts; the tests take fewer
	$(CARGO) build --workspace --bins
	WEIR_BIN=$(DEV_WEIR) ORACLE_QUESTIONS=$(ORACLE_QUESTIONS) $(CARGO) test -p weir-tests --test oracle every -- --nocapture

page: web/dist/index.html ## Build the page that the program embeds

web/dist/index.html: web/node_modules/.package-lock.json $(shell find web/src web/public web/index.html web/vite.config.ts web/tsconfig.json -type f 2>/dev/null)
	cd web && npm run build
	@touch $@

web/node_modules/.package-lock.json: web/package.json web/package-lock.json
	cd web && npm ci --no-audit --no-fund
	@touch $@

setup-build: ## Install what building needs, where it is missing
	scripts/setup.sh build

setup-test: ## Install what testing needs, where it is missing
	scripts/setup.sh test

setup-aws: ## Install the stand-ins for AWS that tests run against, where they are missing
	tests/aws/setup.sh "$(MOTO_PYTHON)"

# One build for the program and all tests: the tests start the program.
test-rust: setup-aws infra/node_modules/.package-lock.json ## Run the Rust tests
	scripts/make-room.sh "$(CARGO_TARGET_DIR)"
	$(CARGO) build --workspace --bins
	WEIR_BIN=$(DEV_WEIR) WEIR_MOTO_PYTHON=$(MOTO_PYTHON)/bin/python $(CARGO) test --workspace

# The whole of what is deployed, with everything that goes wrong; `make test-rust` has the same with fewer events.
test-aws: setup-build setup-aws page infra/node_modules/.package-lock.json ## Run the deployment on this machine on a bad day, with DEPLOYED_EVENTS events
	$(CARGO) build --workspace --bins
	WEIR_BIN=$(DEV_WEIR) WEIR_MOTO_PYTHON=$(MOTO_PYTHON)/bin/python DEPLOYED_EVENTS=$(DEPLOYED_EVENTS) \
		$(CARGO) test --workspace --test deployed -- --nocapture

test-page: web/node_modules/.package-lock.json ## Run the page's unit tests
	cd web && npm test

test-browser: page ## Run the page in a real browser against the real program
	$(CARGO) build --workspace --bins
	cd web && WEIR_BIN=$(DEV_WEIR) npm run e2e

test-clients: page ## Run the published client libraries against the collector
	tests/clients/setup.sh "$(CARGO_TARGET_DIR)/clients-python"
	$(CARGO) build --workspace --bins
	cd tests/clients && WEIR_BIN=$(DEV_WEIR) \
		WEIR_CLIENTS_PYTHON="$(CARGO_TARGET_DIR)/clients-python/bin/python" npm test

test-engines: page ## Read a lake with Polars, DuckDB, ClickHouse and Arrow, and compare
	tests/engines/setup.sh "$(CARGO_TARGET_DIR)/engines-python"
	$(CARGO) build --workspace --bins
	cd tests/engines && WEIR_BIN=$(DEV_WEIR) "$(CARGO_TARGET_DIR)/engines-python/bin/python" -m unittest test_engines

infra/node_modules/.package-lock.json: infra/package.json infra/package-lock.json
	cd infra && npm ci --ignore-scripts --no-audit --no-fund
	@touch $@

test-infra: setup-aws infra/node_modules/.package-lock.json ## Test what is deployed on AWS: templates, rights, rules of others, the data stack in moto
	cd infra && WEIR_MOTO_PYTHON=$(MOTO_PYTHON)/bin/python npm test

setup-package: setup-build
	infra/scripts/setup.sh "$(CARGO_LAMBDA)"

package: setup-package page ## Build the programs for Lambda: $CARGO_TARGET_DIR/lambda-packages/$ARCH
	PATH="$(CARGO_LAMBDA)/bin:$$PATH" CARGO="$(CARGO)" infra/scripts/package.sh "$(CARGO_TARGET_DIR)" "$(ARCH)"

need-env:
	@[ -n "$(ENV)" ] || { echo "name the environment: make $(MAKECMDGOALS) ENV=NAME, with its settings in infra/environments/NAME.yaml" >&2; exit 2; }

synth: need-env infra/node_modules/.package-lock.json ## Write the templates of ENV: $CARGO_TARGET_DIR/infra/$ENV
	cd infra && npm run -s synth -- "$(ENV)" "$(SYNTH_OUT)" $(SYNTH_FLAGS)

# A wrong setting is said at once, and not after half an hour of building.
deploy: need-env infra/node_modules/.package-lock.json ## Build, and put ENV into an account of AWS: see infra/README.md
	$(MAKE) synth ARTIFACTS=infra/test/placeholder
	$(MAKE) package ARCH="$$(cd infra && npm run -s architecture -- "$(ENV)")"
	$(MAKE) synth ARTIFACTS=
	cd infra && npx cdk deploy --app "$(SYNTH_OUT)" --all --no-notices --outputs-file "$(SYNTH_OUT)/outputs.json" $(CDK_FLAGS)
	@cd infra && npm run -s outputs -- "$(SYNTH_OUT)/outputs.json"

# What goes with a stack is what was deployed with it: so that data goes is deployed first.
destroy: need-env infra/node_modules/.package-lock.json ## Take ENV down; bucket and stream stay, unless told twice: see infra/README.md
	$(MAKE) synth ARTIFACTS=infra/test/placeholder
	$(if $(DELETE_DATA),cd infra && npx cdk deploy --app "$(SYNTH_OUT)" "weir-$(ENV)-data" --exclusively --no-notices $(CDK_FLAGS))
	cd infra && npx cdk destroy --app "$(SYNTH_OUT)" --all --no-notices $(CDK_FLAGS)
	@$(if $(DELETE_DATA),echo "all of $(ENV) is gone",echo "bucket and stream of $(ENV) are still there, and cost what they cost: see infra/README.md")

clean: ## Remove the page and the demo lake of `make run`; the build cache stays
	rm -rf web/dist web/node_modules tests/clients/node_modules .weir
