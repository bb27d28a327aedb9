# make demo    install, then compare RNP and PLMR on a synthetic corpus: six to twelve minutes on two
#              cores with AVX-512, some 17 with AVX2 alone
# make test    install, then every check
# make lint    style and types only
# make format  put the code in order
#
# PYTHON=/path/to/python chooses the interpreter; otherwise the newest supported one that works is taken.
# Without a GPU, PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu saves downloading CUDA.

VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
READY := $(VENV)/.ready-for-demo
DEMO_OUTPUT ?= demo-report
PYTEST_ARGS ?=

# A name on the path is not enough: it may be a shim for a version that is not there, or lack venv.
FITS := import ensurepip, sys, venv; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))
PYTHON ?= $(shell for name in python3.13 python3.12 python3.11 python3.10 python3; do \
	"$$name" -c '$(FITS)' >/dev/null 2>&1 && { echo "$$name"; break; }; done)

.PHONY: demo test lint format install
.DELETE_ON_ERROR:

demo: $(READY)
	$(BIN)/plmr demo --output $(DEMO_OUTPUT)

test: lint
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 $(PYTEST_ARGS)

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

install: $(INSTALLED)

$(READY): EXTRAS := demo
$(INSTALLED): EXTRAS := compare,demo,dev,onnx
$(READY) $(INSTALLED): pyproject.toml constraints.txt
	@$(BIN)/python -c '$(FITS)' 2>/dev/null || { \
		python='$(PYTHON)'; \
		test -n "$$python" || { echo "No Python 3.10 to 3.13 with venv found; install one, or give PYTHON=/path/to/python." >&2; exit 1; }; \
		echo "Creating $(VENV) with $$python"; \
		"$$python" -m venv --clear $(VENV); }
	$(BIN)/python -m pip install --quiet --editable '.[$(EXTRAS)]' --constraint constraints.txt
	@touch $@
