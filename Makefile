# make setup | demo | test | sim | docs | lint | lock. Each does its own set-up; a second run starts at once.

PYTHON ?= python3
TORCH  ?= torch==2.13.0
CONFIG ?= sim/configs/demo.toml
OUT    ?= runs/demo
JOBS   ?= 2

VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check --no-input install --quiet
STAMP  := $(VENV)/.stamp-packages
LOCKS  := requirements/build.lock requirements/all.lock requirements/liberty.lock

# Variables given on the command line (SIM=..., LIB=...) are for this Makefile, not for the makes that Verilator starts.
MAKEOVERRIDES :=
unexport SIM LIB MULTIPLIER PAIRS SEED STATS CONFIG OUT

.PHONY: setup demo test sim docs lint lock system-packages
.DELETE_ON_ERROR:

setup: system-packages $(STAMP)

system-packages:
	@bash requirements/system.sh

$(BIN)/python:
	@bash requirements/venv.sh $(PYTHON) $(VENV)

# torch comes after the packages that it needs and apart from them: which build it is (CPU, CUDA) is pip's configuration.
$(STAMP): $(LOCKS) pyproject.toml | $(BIN)/python system-packages
	@echo "Installing the locked packages into $(VENV) (minutes the first time)"
	@$(PIP) --no-deps --require-hashes -r requirements/build.lock
	@$(PIP) --no-deps --require-hashes --no-build-isolation -r requirements/all.lock
	@$(PIP) --no-deps --require-hashes --no-build-isolation -r requirements/liberty.lock
	@$(PIP) $(TORCH)
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

demo: setup
	@$(BIN)/wattloop demo --config $(CONFIG) --out $(OUT)

# NO_MKDOCS_2_WARNING: the theme's advertisement of its successor is no warning about these pages.
docs: setup
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --site-dir site
	@echo site/index.html

lint: setup
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

test: lint
# Each process keeps to its half of the files, so that what a file sets up is set up once; who is done first helps out.
	@$(BIN)/python -m pytest -n $(JOBS) --dist worksteal

sim: setup
	@$(BIN)/wattloop characterize $(if $(SIM),--simulator $(SIM)) $(if $(LIB),--library $(LIB)) \
	  $(if $(MULTIPLIER),--multiplier $(MULTIPLIER)) $(if $(PAIRS),--pairs $(PAIRS)) $(if $(SEED),--seed $(SEED)) \
	  $(if $(STATS),--statistics $(STATS)) --out $(if $(filter command line,$(origin OUT)),$(OUT),runs/sim-$(or $(SIM),bitparallel))

# The exact versions and hashes of everything but torch, for every Python and Linux that the project supports.
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate
lock: $(BIN)/python
	@$(BIN)/uv --version >/dev/null 2>&1 || $(PIP) uv
	@$(COMPILE) --group build -o requirements/build.lock
	@$(COMPILE) pyproject.toml --extra dev --group build --group torch-needs -o requirements/all.lock
	@$(COMPILE) --no-deps --group liberty -o requirements/liberty.lock
