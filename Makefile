# On a fresh machine: `make demo` audits a real model, `make test` runs the tests. Each sets itself up in .venv; CPU only.
PYTHON ?= python3
TORCH ?= 2.13.0
TARGET ?= ethos-u85-2048

BIN := .venv/bin
export OMP_NUM_THREADS := 1

.PHONY: verify-typing verify-proxies verify-fixes verify-gains verify-ibn-fixes verify-migration demo test editors lint bench bench-daemon verify verify-timm verify-moves verify-memory verify-rules verify-npu verify-staircase verify-packages verify-estimator verify-soak verify-faults verify-checkouts docs

demo: .venv/base.stamp
	@$(BIN)/advisor audit .venv/lib/python3*/site-packages/torchvision/models/mobilenetv2.py --target $(TARGET); \
	test $$? -le 1  # 1: there are findings

# TESTS="tests/rules …": some of them
test: .venv/test.stamp
	$(BIN)/python -m pytest $(TESTS)

# Real editors for tests/editors, in .editors; needs root on Debian.
editors:
	$(PYTHON) tests/editors/setup.py

# What the extension adds to a key's way to the screen; on a quiet machine.
verify-typing: .venv/test.stamp editors
	ADVISOR_EDITORS=required $(BIN)/python -m pytest tests/editors/test_typing.py --typing-table docs/verify-typing.md

lint: .venv/test.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

# The long checks: each writes its table under docs/ and fails when a requirement does; `make -k verify` runs them all.
# CHECKOUTS="DIR…" also measures checkouts of public repositories.
verify: bench verify-timm verify-moves verify-memory verify-rules verify-npu verify-staircase verify-packages verify-fixes verify-gains verify-ibn-fixes verify-migration verify-soak verify-faults verify-typing $(if $(CHECKOUTS),verify-checkouts)

verify-timm: .venv/test.stamp
	$(BIN)/python tests/corpus/verify_timm.py --output docs/verify-timm.md

verify-moves: .venv/test.stamp
	$(BIN)/python -m tests.corpus.verify_moves --table docs/verify-moves.md

# JOURNALS: a folder of measurements to use instead of compiling each network (`advisor validate` keeps them)
verify-memory: .venv/test.stamp
	$(BIN)/python -m tests.corpus.verify_memory $(if $(JOURNALS),--journals $(JOURNALS)) --table docs/verify-memory.md

verify-staircase: .venv/test.stamp
	$(BIN)/python -m tests.corpus.verify_staircase --table docs/verify-staircase.md --figure docs/images/staircase.svg

verify-rules: .venv/test.stamp
	$(BIN)/python -m tests.corpus.verify_rules --table docs/verify-rules.md

verify-npu: .venv/test.stamp
	$(BIN)/python -m tests.corpus.verify_npu --table docs/verify-npu.md

# DATA: the records of NAS-Bench-Macro as gzip CSV; it goes on from build/proxies.jsonl where it was stopped.
verify-proxies: .venv/test.stamp
	$(BIN)/python -m tests.corpus.verify_proxies --data $(DATA) --table docs/verify-proxies.md

verify-packages: .venv/test.stamp
	$(BIN)/python tests/corpus/measure.py timm torchvision segmentation_models_pytorch pytorchcv efficientnet_pytorch \
		--jobs 2 --table docs/corpus-packages.md

# From nothing it compiles for more than an hour; JOURNALS as above.
verify-estimator: .venv/test.stamp
	$(BIN)/python -m tests.corpus.verify_estimator $(if $(JOURNALS),--journals $(JOURNALS)) --table docs/verify-estimator.md

# It goes on from build/fixes where it was stopped.
verify-fixes: .venv/test.stamp
	$(BIN)/python -m tests.corpus.verify_fixes $(CHECKOUTS) --table docs/verify-fixes.md

# So does this one, from build/gains; it ends when 200 fixes are compiled.
verify-gains: .venv/test.stamp
	$(BIN)/python -m tests.corpus.verify_gains $(CHECKOUTS) --table docs/verify-gains.md --figure docs/images/gains.svg

verify-ibn-fixes: .venv/test.stamp
	$(BIN)/python -m tests.corpus.verify_ibn_fixes --table docs/verify-ibn-fixes.md $(CHECKOUTS)

verify-migration: .venv/test.stamp
	$(BIN)/python -m tests.corpus.verify_migration --table docs/verify-migration.md

verify-soak: .venv/test.stamp
	$(BIN)/python -m tests.soak.edits --table docs/soak.md

verify-faults: .venv/test.stamp
	$(BIN)/python -m pytest tests/daemon/faults --hypothesis-profile faults --faults-table docs/faults.md

verify-checkouts: .venv/test.stamp
	$(BIN)/python tests/corpus/measure.py $(CHECKOUTS) --jobs 2 --table docs/corpus.md

bench: .venv/test.stamp bench-daemon
	$(BIN)/python -m pytest tests/benchmarks --benchmark-enable --benchmark-only --ratio-table docs/benchmarks.md

bench-daemon: .venv/test.stamp
	$(BIN)/python -m pytest tests/benchmarks/test_daemon.py --daemon-table docs/daemon-benchmarks.md

docs: .venv/base.stamp
	$(BIN)/python -m advisor.settings > docs/configuration.md
	$(BIN)/python -m advisor.daemon.lsp.settings > docs/editor-settings.md
	$(BIN)/python -m advisor.daemon.lsp.manifest editor-ext/vscode/package.json
	$(BIN)/python -m advisor.rulepages docs/rules
	$(BIN)/python -m advisor.targets.page > docs/targets.md
	$(BIN)/python docs/quotes.py
	$(BIN)/python docs/picture.py

.venv/base.stamp: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet torch==$(TORCH)
	$(BIN)/pip install --quiet --editable .
	$(BIN)/pip install --quiet numpy pillow torchvision==0.28.0
	@touch $@

.venv/test.stamp: .venv/base.stamp
	$(BIN)/pip install --quiet --editable ".[test,dev]"
	@touch $@
