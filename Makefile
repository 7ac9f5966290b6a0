# Everything one does here has one word. `make` alone lists them.
#
# Needed on the machine: Python 3.11 or newer (with venv), git, make. The rest is fetched into .venv.
# PYTHON=/path/to/python3.12 chooses the interpreter; TESTS=tests/unit and OPTIONS=-x narrow a run of the tests.
# Every other Python from 3.11 on that is there runs the unit tests; COURRIEL_TEST_PYTHONS= (nothing) leaves them out.

VENV := .venv
BIN := $(VENV)/bin
TESTS ?=
OPTIONS ?=
FILE ?= tests/transcripts/one-refused-recipient.txt

# Two processes more than there are cores, because tests also wait; never more than four: servers are started by each.
PROCESSES := --numprocesses=$(shell python3 -c 'import os; print(min(4, (os.cpu_count() or 1) + 2))') --dist=loadfile

# No real server is started in the fast part, and its tests wait more: one process more. A hang is seen by who waits for it;
# the thread that would tell of it in C code as well is begun anew for each test, which takes as long as many a test.
FAST := --numprocesses=$(shell python3 -c 'import os; print(min(6, (os.cpu_count() or 1) + 2))') --dist=loadfile \
	-m "not acceptance and not slow" -o faulthandler_timeout=0

# An environment in use around us is not ours. Without bytecode each process compiles everything again: half a minute.
unexport VIRTUAL_ENV PYTHONHOME PYTHONPATH PYTHONDONTWRITEBYTECODE
# pyright runs on the node that requirements/dev.txt brings, and asks nobody for a newer version of itself.
export PYRIGHT_PYTHON_GLOBAL_NODE := 0
export PYRIGHT_PYTHON_IGNORE_WARNINGS := 1

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help demo test test-long fast pythons check bench format cover play sandbox pictures docs news lock release-check venv debian servers

help:
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1@\2/p' $(firstword $(MAKEFILE_LIST)) | awk -F @ '{ printf "  make %-13s %s\n", $$1, $$2 }'

demo: $(VENV)/.run ## see the library at work, on a practice server on this machine
	@$(BIN)/courriel demo

# A failing check does not keep the tests from running: one run tells everything. pytest has the last word.
test: $(VENV)/.dev debian servers ## set up what is missing, then the checks and every test (about twenty minutes)
	@failed=0; \
	$(MAKE) --no-print-directory check || failed=1; \
	$(if $(TESTS),,$(BIN)/python tools/pythons.py $(PROCESSES) -q -m "not acceptance and not slow" --hypothesis-profile=whole tests/unit || failed=1;) \
	$(BIN)/python -m pytest $(PROCESSES) $(OPTIONS) $(TESTS) || failed=1; \
	exit $$failed

fast: $(VENV)/.dev ## every test that is neither acceptance nor slow, three cases of each: about a minute
	@$(BIN)/python -m pytest $(FAST) $(OPTIONS) $(TESTS)

# The Python of .venv is left out: `make fast` and `make test` run there.
pythons: $(VENV)/.dev ## the same tests on every other Python from 3.11 on that this machine has
	@$(BIN)/python tools/pythons.py $(PROCESSES) -q -m "not acceptance and not slow" $(OPTIONS) $(TESTS)

# Only what gains from time, or has more cases than `make test` tries: power cuts, deaths and chaos at random, long texts. Another seed finds other moments (COURRIEL_TEST_SEED=7).
test-long: $(VENV)/.dev debian servers ## power cuts, deaths and chaos at random, 500 mails to each server, half an hour (SECONDS=3600: longer)
	@COURRIEL_TEST_ALL=1 COURRIEL_TEST_SECONDS=$(or $(SECONDS),180) COURRIEL_TEST_POWER_CUTS=$(or $(CUTS),2000) \
		COURRIEL_CHAOS_SECONDS=$(or $(SECONDS),180) COURRIEL_TEST_MAILS=500 COURRIEL_TEST_SIGNED=10000 $(BIN)/python -m pytest --timeout=0 $(OPTIONS) \
		tests/outbox/test_power_loss.py tests/outbox/test_deaths.py tests/outbox/test_deaths_between_ways.py tests/outbox/test_in_doubt.py tests/chaos \
		tests/acceptance/test_peers.py tests/judges/test_dkim.py tests/unit/test_growth.py tests/unit/wire/test_html_bounds.py \
		tests/unit/wire/test_growth_of_letters.py tests/sandbox/test_web_hostile_mails.py \
		tests/outbox/test_bounces.py::test_many_reports_at_once tests/hostile/test_secrets_in_urls.py tests/sandbox/test_web_browser.py::test_axe_finds_no_violation

check: $(VENV)/.dev ## format, lint, types, storeys, forgotten steps
	@sh tools/check.sh $(BIN)

bench: $(VENV)/.dev debian ## measure every figure beside its peers (some twenty minutes; QUICK=1: two)
	@$(BIN)/python -m bench $(if $(QUICK),--quick) $(OPTIONS)

format: $(VENV)/.dev ## put the files in order as ruff has it
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .

cover: $(VENV)/.dev ## coverage of branches in the storeys that do not wait
	@$(BIN)/python -m pytest -m "not acceptance and not slow" --cov --cov-report=term $(OPTIONS) $(TESTS)

play: $(VENV)/.dev ## serve a transcript and watch: make play FILE=tests/transcripts/x.txt
	@$(BIN)/python tools/play.py $(FILE)

sandbox: $(VENV)/.run ## a practice mail server on this machine
	@$(BIN)/courriel sandbox

pictures: $(VENV)/.dev ## take the pictures of the inbox and of the README again (docs/images), by Debian's Chromium
	@$(BIN)/python tools/inbox_pictures.py
	@$(BIN)/python tools/front_picture.py

docs: $(VENV)/.dev ## build the site into site/, in English and French, and the man pages of the command
	@$(BIN)/python tools/book

news: $(VENV)/.dev ## show the news that the next release will bring
	@$(BIN)/towncrier build --draft --version next

# The addresses of indexes stay out of the files; one universal list serves Python 3.11 to 3.13 on every system.
LOCK = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --only-binary :all: \
	--no-header --no-annotate --no-emit-index-url --no-emit-find-links $(OPTIONS)

lock: $(VENV)/.dev ## compile requirements/*.in again (OPTIONS=--upgrade for newer versions)
	@$(LOCK) requirements/run.in --output-file requirements/run.txt
	@$(LOCK) requirements/dev.in --output-file requirements/dev.txt
	@$(LOCK) requirements/release.in --output-file requirements/release.txt

release-check: $(VENV)/.dev $(VENV)/.release ## build the last commit twice, judge and install it, each extra alone (OPTIONS=--offline)
	@$(VENV)/release/bin/python tools/release/check.py $(OPTIONS)

venv: $(VENV)/.dev ## set up .venv for working here

debian: ## install what the acceptance tests need of Debian, where we may
	@python3 -I tools/debian_packages.py

# No package of ours is needed for it: with the machine's own Python.
servers: ## fetch the mail servers that cannot be installed beside others, into .servers/
	@python3 -I tools/unpacked_servers.py

$(VENV)/.run: requirements/run.txt pyproject.toml tools/environment.sh
	@sh tools/environment.sh $(VENV) run

$(VENV)/.dev: requirements/dev.txt pyproject.toml tools/environment.sh
	@sh tools/environment.sh $(VENV) dev

# The builders and judges of a release, apart from what tests need.
$(VENV)/.release: requirements/release.txt | $(VENV)/.dev
	@$(BIN)/python -m venv --clear $(VENV)/release
	@$(VENV)/release/bin/python -m pip --disable-pip-version-check --quiet install --no-deps --require-hashes --only-binary :all: \
		-r requirements/release.txt
	@touch $@
