# make run     serve the dashboard            make check    format, lint, types
# make test    checks and the whole suite     make format   write the format, mend what lint can
# make bench   compare the engine's speed with other libraries: half an hour; make bench ARGS=--quick: 5 minutes
# make test PYTHON=python3.12 tries another Python, PIP_CONSTRAINT=tests/floors.txt the oldest releases allowed: clean first
# make load    a class of students at once: 8 minutes; make load ARGS=--quick: 1; ARGS=--soak: 20
PYTHON ?= python3
BIN := .venv/bin

# The lab is compiled once, not in each of the hundreds of processes that the suite starts.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: run test check format bench load clean

run: .venv/run.stamp
	$(BIN)/streamlit run dashboard.py

test: .venv/test.stamp
	@$(MAKE) --no-print-directory --jobs=2 check .venv/browser.stamp
	LAB_REQUIRE_BROWSER=1 $(BIN)/python -m pytest --numprocesses=auto --dist=loadfile --no-loadscope-reorder

check: .venv/test.stamp
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: .venv/test.stamp
	$(BIN)/ruff check --fix --exit-zero --quiet .
	$(BIN)/ruff format .

clean:
	rm -rf .venv .venv-bench .hypothesis .mypy_cache .pytest_cache .ruff_cache tests/browser/screenshots

# A stamp says that its step is done, and holds until a file that it came from changes.
.venv/made.stamp:
	@command -v $(PYTHON) >/dev/null || { echo "No '$(PYTHON)' here. Python 3.11 or newer is needed: make PYTHON=/path/to/python" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed, and $(PYTHON) is $$($(PYTHON) --version). Name another: make PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv --clear .venv
	@touch $@

.venv/run.stamp: requirements.txt .venv/made.stamp
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

.venv/test.stamp: tests/requirements.txt .venv/run.stamp
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r tests/requirements.txt
	@touch $@

.venv/browser.stamp: tests/browser/install.py .venv/test.stamp
	$(BIN)/python -m tests.browser.install
	@touch $@

bench: .venv-bench/bench.stamp
	.venv-bench/bin/python -m tests.benchmarks $(ARGS)

.venv-bench/bench.stamp: requirements.txt tests/requirements.txt tests/benchmarks/requirements.txt .venv/made.stamp
	$(PYTHON) -m venv --clear .venv-bench
	.venv-bench/bin/python -m pip install --quiet --disable-pip-version-check -r tests/benchmarks/requirements.txt
	@touch $@

load: .venv/browser.stamp
	$(BIN)/python -m tests.load $(ARGS)
