# `make demo` and `make test` are all that a new machine needs; both make .venv here.
PYTHON ?= python3
BIN := .venv/bin
SIZE ?= usual

.PHONY: help demo test test-jax check docs house pictures notebooks bench claims safety cluster format clean

help:
	@echo "make demo    install, climb a short ladder on built-in data, say where the report is"
	@echo "make test    install with test tools, run the whole test suite"
	@echo "make test-jax  run what trains and predicts with JAX in the place of TensorFlow"
	@echo "make check   format, lint, types, direction of imports"
	@echo "make bench   measure speed beside other programs (some 20 minutes; ONLY=trial: one row; SIZE=full: larger, some hours)"
	@echo "make claims  measure what is claimed: false claims, planted truths, duplicates, foreign images (some 25 minutes)"
	@echo "make safety  kill 200 trainings and a climb, and see whether they come out the same; the price of checkpoints (some 45 minutes)"
	@echo "make cluster measure what a Ray cluster costs beside one machine, on the loopback (some 10 minutes)"
	@echo "make docs    make the tables in docs/ from the code"
	@echo "make house   print how the source is built: sizes, parameters, imports"
	@echo "make pictures  make the pictures of README and docs (some minutes; takes Chromium)"
	@echo "make notebooks  run the notebooks and keep their outputs (some minutes)"
	@echo "make format  put the code in order"

# few rungs and five seeds of each: some two minutes, and the page has a step that is better and one that is not
DEMO := --rungs lenet5,smaller-kernels,batch-norm,dropout-dense --seeds 5

demo: .venv/installed
	$(BIN)/convladder climb digits $(DEMO)

test: .venv/installed-dev
	$(BIN)/python -m pytest -n auto --dist loadgroup

# what speaks of TensorFlow by name, or does not train, is left out
JAX_TESTS := tests/system/jax/test_backend.py tests/integration/transfer/test_feature_bank.py tests/system/jax/test_several_processes.py tests/integration/training/test_training.py tests/integration/training/test_rungs.py \
	tests/system/kill/test_resume.py benchmarks/tests/test_safety.py::test_killed_trainings_come_out_equal tests/integration/climb/test_climb.py tests/integration/training/test_gradcam.py tests/unit/training/test_augmentation_ops.py tests/unit/models/test_models.py

test-jax: .venv/installed-dev
	KERAS_BACKEND=jax JAX_PLATFORMS=cpu JAX_COMPILATION_CACHE_DIR=$(CURDIR)/.venv/compiled JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS=0.1 \
		$(BIN)/python -m pytest -n auto --dist loadgroup $(JAX_TESTS)

check: .venv/installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: .venv/installed-dev
	$(BIN)/python docs/make_tables.py

house: .venv/installed-dev
	$(BIN)/python docs/house.py

pictures: .venv/installed-dev
	$(BIN)/python docs/make_pictures.py
	CONVLADDER_PICTURES=$(CURDIR)/docs $(BIN)/python -m pytest tests/system/browser/test_story.py

notebooks: .venv/installed-dev
	$(BIN)/python notebooks/run.py

bench: .venv/installed-dev
	$(BIN)/python benchmarks/speed/bench.py $(ONLY) --size $(SIZE) $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(MORE),--more) $(if $(OUT),--out $(OUT))

claims: .venv/installed-dev
	$(BIN)/python benchmarks/claims/false_claims.py
	$(BIN)/python benchmarks/claims/adaptive_claims.py
	$(BIN)/python benchmarks/claims/metric_claims.py
	$(BIN)/python benchmarks/claims/real_claims.py
	$(BIN)/python benchmarks/claims/fold_claims.py
	$(BIN)/python benchmarks/claims/folds_or_seeds.py
	$(BIN)/python benchmarks/claims/moderated_folds.py
	$(BIN)/python benchmarks/claims/calibration_interval.py
	$(BIN)/python benchmarks/claims/threshold_claims.py
	$(BIN)/python benchmarks/claims/curve_claims.py
	$(BIN)/python benchmarks/claims/conformal_claims.py
	$(BIN)/python benchmarks/claims/label_errors.py
	$(BIN)/python benchmarks/claims/evidence.py
	$(BIN)/python benchmarks/claims/foreign_images.py
	$(BIN)/python benchmarks/scaling/large_bank.py
	$(BIN)/python benchmarks/claims/duplicates.py

safety: .venv/installed-dev
	$(BIN)/python benchmarks/safety/safety_price.py
	$(BIN)/python benchmarks/safety/kill.py
	$(BIN)/python benchmarks/safety/killed_climb.py
	$(BIN)/python benchmarks/page.py

cluster: .venv/installed-dev
	$(BIN)/python benchmarks/scaling/cluster.py
	$(BIN)/python benchmarks/page.py

format: .venv/installed-dev
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .

clean:
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .import_linter_cache

.venv/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(None if (3, 11) <= sys.version_info < (3, 14) else "convladder needs Python 3.11 to 3.13, this is " + sys.version.split()[0] + ": make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv .venv

.venv/installed: .venv/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	@touch $@

.venv/installed-dev: .venv/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@ .venv/installed
