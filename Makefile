# Each target is one command of `python3 -m toolchain`, which holds the logic and needs nothing but Python's standard library.
STACK ?= local
ARGS ?=
REPORTS ?=
OFFLINE =
BASE =
YES =
PIPELINE =

PYTHON := $(shell test -x /usr/bin/python3 && /usr/bin/python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& echo /usr/bin/python3 || echo python3)
TOOLCHAIN := $(PYTHON) -m toolchain

.DEFAULT_GOAL := help
.PHONY: help up down preview comment note drift doctor url env settings test check bench campaign clean engine preflight

help: ## list the targets
	@echo 'make TARGET [STACK=local]'
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | sed 's/\$$\$$/$$/g' | expand -t 14

up: ## put the service on the stack and print where it answers (STACK=dev: on Google Cloud)
	@$(TOOLCHAIN) up --stack $(STACK) $(if $(YES),--yes)

down: ## take the stack down; for the local stack, stop the local cloud too
	@$(TOOLCHAIN) down --stack $(STACK) $(if $(YES),--yes)

preview: ## show what `up` would change, judged by the policy pack (REPORTS=FOLDER: write SARIF, JUnit and Markdown there; OFFLINE=1: without account or state)
	@$(TOOLCHAIN) preview --stack $(STACK) $(if $(REPORTS),--reports '$(REPORTS)') $(if $(OFFLINE),--offline) $(if $(BASE),--base '$(BASE)')

comment: ## write the comment on a pull request from its previews' reports (REPORTS=FOLDER)
	@$(TOOLCHAIN) comment $(if $(REPORTS),--reports '$(REPORTS)')

note: ## on GitLab: post a pipeline's comment as the note of its merge request (PIPELINE=NUMBER)
	@$(TOOLCHAIN) note --pipeline '$(PIPELINE)'

drift: ## fail if the cloud has something else than the stack's state says
	@$(TOOLCHAIN) drift --stack $(STACK)

doctor: ## say what is wrong with a stack that is up, and the command that mends it
	@$(TOOLCHAIN) --stack $(STACK) doctor -- $(ARGS)

url: ## print where the service answers
	@$(TOOLCHAIN) url --stack $(STACK)

env: ## print the exports a shell needs: eval "$$(make -s env)"
	@$(TOOLCHAIN) env --stack $(STACK)

settings: ## print a stack's settings, each with where it came from (STACK=prod)
	@$(TOOLCHAIN) --stack $(STACK) settings -- $(ARGS)

test: ## check, and run every test (ARGS='-k name' selects some)
	@$(TOOLCHAIN) test -- $(ARGS)

check: ## format, lint, types, import contracts, workflows, known vulnerabilities
	@$(TOOLCHAIN) check

bench: ## measure, and write docs/benchmarks.md
	@$(TOOLCHAIN) bench -- $(ARGS)

campaign: ## run the long proofs at full count
	@$(TOOLCHAIN) campaign -- $(ARGS)

preflight: ## say what this machine lacks, and the command that mends it
	@$(TOOLCHAIN) preflight

engine: ## find, fetch or build the Pulumi engine and print its folder
	@$(TOOLCHAIN) engine

clean: ## remove what the tools left in this folder
	@$(TOOLCHAIN) clean
