# Everything the course asks of a shell. Needs make and Python 3.11 or newer with venv; all else goes into .venv.
# requirements.lock holds every version; .venv/lab and .venv/test mark a set-up that was finished with it.

PYTHON ?= python3
JOBS ?= 2
RUN := .venv/bin/python

.PHONY: help lab test env notebooks check bench lock clean
.DEFAULT_GOAL := help

help:  ## Show this list
	@sed -n 's/^\([a-z]*\):.*## /\1|/p' Makefile | while IFS='|' read -r name what; do \
	  printf '  make %-10s %s\n' "$$name" "$$what"; done

lab: .venv/lab  ## Open the course in JupyterLab (LAB_ARGS="--no-browser" for more arguments)
	@$(RUN) -m gan_course $(LAB_ARGS)

test: .venv/test  ## Run every test, the lessons and a browser included (TEST_ARGS="-k toy" for some)
	@$(RUN) -m pytest -n $(JOBS) $(TEST_ARGS)

env: .venv/test  ## Only set up .venv, with the test tools

notebooks: .venv/test  ## Make the notebooks from notebooks/src again
	@$(RUN) -m gan_course.build

check: .venv/test  ## Lint, format, and notebooks in step with their sources
	@$(RUN) -m ruff check .
	@$(RUN) -m ruff format --check .
	@$(RUN) -m gan_course.build --check

bench: .venv/test  ## Measure the speed beside a plain loop: docs/results/bench.json and .png (BENCH_ARGS="--tiny")
	@$(RUN) benchmarks/bench.py $(BENCH_ARGS)

lock: .venv/test  ## Resolve requirements.lock anew (UPGRADE=--upgrade for newer versions)
	@$(RUN) -m pip install --quiet uv
	@$(RUN) -m uv pip compile --quiet --universal --python-version 3.11 --extra test --no-annotate --no-header \
	  $(UPGRADE) pyproject.toml --output-file requirements.lock
	@{ printf '%s\n' \
	  '# Every version that the course is installed with: the Makefile, continuous integration and environment.yml' \
	  '# read this one list, as constraints (pip install -c requirements.lock ...). It holds for Linux, macOS and' \
	  '# Windows. On Linux torch itself pins its CUDA packages, so they are not repeated. Made by: make lock'; \
	  grep -vE '^(nvidia-|cuda-|triton==)' requirements.lock; } > requirements.new
	@mv requirements.new requirements.lock

clean:  ## Remove .venv
	rm -rf .venv

.venv/lab: requirements.lock pyproject.toml
	$(call install,.)
	@touch .venv/lab

.venv/test: requirements.lock pyproject.toml
	$(call install,.[test])
	@touch .venv/lab .venv/test

# An environment whose last installation was cut short (.venv/unfinished) is made anew, not mended.
define install
@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
  echo "The course needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version 2>&1)." \
       "Name a newer one: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
@if [ -e .venv/unfinished ] || ! .venv/bin/python -m pip --version >/dev/null 2>&1; then \
  echo "Setting up .venv: several minutes, once."; $(PYTHON) -m venv --clear .venv; fi
@touch .venv/unfinished
@$(RUN) -m pip install --disable-pip-version-check -c requirements.lock -e '$(1)' || { \
  echo "The set-up did not finish; the cause stands above. The pinned versions exist for Python 3.11 to 3.14" \
       "on Linux, Windows and Apple silicon. Run the same command again to begin it afresh." >&2; exit 1; }
@rm .venv/unfinished
endef
