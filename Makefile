# Everything one does here has one word. `make` alone lists them.
#
# Needed on the machine: Python 3.11 or newer (with venv), git, make. The rest is fetched into .venv.

VENV := .venv
BIN := $(VENV)/bin
# An environment in use around us is not ours.
unexport VIRTUAL_ENV PYTHONHOME

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1	\2/p' $(MAKEFILE_LIST) | awk -F '\t' '{ printf "  make %-10s %s\n", $$1, $$2 }'

demo: $(VENV)/.run ## see the library at work, on a practice server on this machine
	@$(BIN)/courriel demo

venv: $(VENV)/.dev ## set up .venv for working here

$(VENV)/.run: requirements/run.txt pyproject.toml tools/environment.sh
	@sh tools/environment.sh $(VENV) run

$(VENV)/.dev: requirements/dev.txt pyproject.toml tools/environment.sh
	@sh tools/environment.sh $(VENV) dev

.PHONY: help demo venv
