# Few targets, each of which installs what it needs. A second call is instant: stamps in .venv remember what is installed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --quiet --disable-pip-version-check
# Compiled modules are kept, whatever the environment says: the tests start many processes.
export PYTHONDONTWRITEBYTECODE :=
PARALLEL := -n logical --maxprocesses 4 --dist loadfile
RULE ?= Do not talk about elephants.

.PHONY: help setup check check-wheel test test-all test-avx2 test-cuda test-4bit test-deepspeed demo bench docs clean

help:
	@echo "make demo      install and teach one rule: $(RULE)"
	@echo "make test      the tests that take four minutes: not those that need the embedded model, and no long ones"
	@echo "make test-all  all tests"
	@echo "make test-avx2 the long tests, and those that train something on the kernels of another processor"
	@echo "make test-cuda the tests of every family and of the trainings, on a CUDA device"
	@echo "make test-4bit the tests of bases in 4 bits, with bitsandbytes in a folder of its own"
	@echo "make test-deepspeed  trainings of two processes with DeepSpeed, in a folder of its own"
	@echo "make check     style and types"
	@echo "make check-wheel  builds the wheel and runs it in a clean environment"
	@echo "make bench     speed against other programs, measured in one run"
	@echo "make docs      writes the reference from the program and builds the site in build/site"
	@echo "make setup     installs everything for development"
	@echo "make clean     removes .venv, caches and builds; runs/ stays"

demo: $(VENV)/.installed
	@$(BIN)/selfteach feedback "$(RULE)" --config quick

setup: $(VENV)/.development

test: $(VENV)/.development
	@$(BIN)/python -m pytest -m "not slow and not long" $(PARALLEL)

test-all: $(VENV)/.development
	@SELFTEACH_TEST_DTYPE=auto SELFTEACH_TEST_DRAWS=200 $(BIN)/python -m pytest

test-avx2: $(VENV)/.development
	@case "$$(uname -m)" in x86_64|amd64) \
	  ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2 $(BIN)/python -m pytest -m "(training or long) and not slow" $(PARALLEL) ;; \
	*) echo "make test-avx2: skipped, this machine is no x86-64" ;; esac

test-cuda: $(VENV)/.development
	@SELFTEACH_TEST_DEVICE=cuda $(BIN)/python -m pytest -k cuda $(PARALLEL) tests/families tests/models tests/train

test-4bit: $(VENV)/.development build/4bit/.installed
	@PYTHONPATH=build/4bit $(BIN)/python -m pytest tests/models/test_four_bit.py

# DeepSpeed builds a part of its own at the first training; TORCH_EXTENSIONS_DIR keeps it.
test-deepspeed: $(VENV)/.development
	@if command -v g++ >/dev/null; then $(MAKE) --no-print-directory build/deepspeed/.installed \
	  && PYTHONPATH=build/deepspeed PATH="$(BIN):$$PATH" TORCH_EXTENSIONS_DIR="$(CURDIR)/build/torch_extensions" \
	    $(BIN)/python -m pytest -m "not slow" -k "zero2 or zero3" tests/train/test_train_processes.py; \
	else echo "make test-deepspeed: skipped, DeepSpeed is built by a C++ compiler (g++)"; fi

check: $(VENV)/.development
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

check-wheel: $(VENV)/.development
	@rm -rf build/wheel dist
	@$(BIN)/python -m build --wheel --outdir dist . >/dev/null
	@$(PYTHON) -m venv build/wheel
	@build/wheel/bin/python -m pip --quiet --quiet --disable-pip-version-check install dist/*.whl
	@cd build && wheel/bin/selfteach --version && wheel/bin/selfteach status \
	  && wheel/bin/python -c "import selfteach; print(selfteach.feedback.__doc__.splitlines()[0])" \
	  && wheel/bin/selfteach config feedback --config quick > /dev/null \
  && wheel/bin/python -c "from importlib.metadata import files; assert any(f.name == 'py.typed' for f in files('selfteach'))"

bench: $(VENV)/.development
	@$(BIN)/python -m bench

docs: $(VENV)/.development
	@$(BIN)/python tools/reference.py
	@$(BIN)/python -m sphinx -q -W --keep-going -b html -d build/doctrees docs build/site
	@echo "the site is in build/site/index.html"

clean:
	rm -rf $(VENV) build dist .pytest_cache .ruff_cache .mypy_cache .hypothesis .bench
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@command -v $(PYTHON) >/dev/null || { echo "There is no $(PYTHON). Install Python 3.11 or newer, or name one: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 2; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "$$($(PYTHON) --version) is too old: Python 3.11 or newer is needed. Name one: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 2; }
	@echo "making $(VENV)"
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "The virtual environment could not be made; Debian and Ubuntu need the package python3-venv." >&2; exit 2; }

# Beside the environment: where it is installed, every import of peft takes 1.5 processor seconds more.
build/4bit/.installed: pyproject.toml | $(BIN)/python
	@$(PIP) install --no-deps --upgrade --target build/4bit "bitsandbytes>=0.50"
	@touch $@

# Without what the environment has: torch, numpy, pydantic, psutil, tqdm.
build/deepspeed/.installed: pyproject.toml | $(BIN)/python
	@$(PIP) install --upgrade --target build/deepspeed --no-deps einops hjson msgpack ninja py-cpuinfo setuptools wheel
	@PYTHONPATH=build/deepspeed $(PIP) install --upgrade --target build/deepspeed --no-deps --no-build-isolation "deepspeed>=0.18"
	@touch $@

$(VENV)/.installed: pyproject.toml | $(BIN)/python
	@echo "installing selfteach and what it needs (some minutes the first time)"
	@$(PIP) install --editable ".[cpu]"
	@touch $@

$(VENV)/.development: pyproject.toml | $(BIN)/python
	@echo "installing selfteach with its development tools (some minutes the first time)"
	@$(PIP) install --editable ".[dev]"
	@touch $@ $(VENV)/.installed
