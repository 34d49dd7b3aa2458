# On a fresh machine: `make demo` audits a real model, `make test` runs the tests. Each sets itself up in .venv; CPU only.
PYTHON ?= python3
TORCH ?= 2.13.0
TARGET ?= ethos-u85-1024

BIN := .venv/bin
export OMP_NUM_THREADS := 1

# Packages with models to audit. Without their dependencies: they would bring a second, CUDA torch.
MODELS := torchvision==0.28.0 timm==1.0.31 segmentation_models_pytorch==0.6.0 pytorchcv==0.0.74 efficientnet_pytorch==0.7.1
DEMO := efficientnet_pytorch

.PHONY: demo test lint bench verify docs

demo: .venv/base.stamp
	@file=$$($(BIN)/python -c "import importlib.util as u; print(u.find_spec('$(DEMO)').submodule_search_locations[0])")/model.py; \
	$(BIN)/advisor audit "$$file" --target $(TARGET); code=$$?; test $$code -le 1

test: .venv/test.stamp
	$(BIN)/python -m pytest

lint: .venv/test.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

bench: .venv/test.stamp
	$(BIN)/python -m pytest --benchmark-enable tests/benchmarks -s

docs: .venv/base.stamp
	$(BIN)/python -m advisor.settings > docs/configuration.md
	$(BIN)/python -m advisor.rulepages docs/rules

.venv/base.stamp: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet torch==$(TORCH)
	$(BIN)/pip install --quiet --editable .
	$(BIN)/pip install --quiet --no-deps $(filter $(DEMO)%,$(MODELS))
	@touch $@

.venv/test.stamp: .venv/base.stamp
	$(BIN)/pip install --quiet --editable ".[test,dev]"
	$(BIN)/pip install --quiet --no-deps $(MODELS)
	@touch $@
