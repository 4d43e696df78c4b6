# The two commands: `make up` and `make test`. The verbs themselves live in `ariel`.
STACK ?= local
TIERS ?=
BENCH ?= engine
PYTHON ?= python3
ARIEL := .venv/bin/ariel
READY := .venv/.ready

.DEFAULT_GOAL := help
.PHONY: help up preview destroy down reset test lint format lock bench doctor docs

help: ## This list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

up: $(READY) ## Tool chain, sandbox and stack $(STACK); a second run changes nothing
	@$(ARIEL) up --stack $(STACK)

preview: $(READY) ## What `up` would change
	@$(ARIEL) preview --stack $(STACK)

destroy: $(READY) ## Delete everything that the stack has made
	@$(ARIEL) destroy --stack $(STACK)

down: $(READY) ## Stop the sandbox, keep its data
	@$(ARIEL) down --stack $(STACK)

reset: $(READY) ## Wipe the sandbox, after a question
	@$(ARIEL) reset --stack $(STACK)

test: $(READY) ## All tiers, or those in TIERS="unit engine"
	@.venv/bin/python -m tests.tiers $(TIERS)

lint: $(READY) ## Formatting, rules, types, workflows
	@.venv/bin/python -m tests.lint

bench: $(READY) ## Seconds of the engine against a bare program, or of BENCH="platform laptop"
	@.venv/bin/python -m tests.bench $(BENCH)

docs: $(READY) ## The documentation as a site, in .ariel/site
	@.venv/bin/mkdocs build --quiet

doctor: $(READY) ## What this machine lacks
	@$(ARIEL) doctor

format: $(READY)
	@.venv/bin/ruff check --fix --quiet . && .venv/bin/ruff format --quiet .

lock: $(READY)
	@.venv/bin/uv pip compile --quiet --generate-hashes --no-emit-index-url --no-header \
		--universal --python-version 3.11 requirements.txt --output-file requirements.lock

$(READY): requirements.lock pyproject.toml runtime/pyproject.toml
	@$(PYTHON) cli/environment.py
	@touch $@
