# SPDX-License-Identifier: MIT
# The verbs. Each sees to its packages first (cmake/setup.sh) and builds what it needs (cmake/build.sh).
SHELL := bash
.DEFAULT_GOAL := help
.NOTPARALLEL:
MAKEFLAGS += --no-print-directory

PREFIX ?= /usr/local
ARGS ?=
RUNS ?= 20
contend := build/release/bin/contend
gate = PYTHONPATH=.:perf $$(cmake/find_python.sh numpy) -B -m gate
files = $(shell git ls-files '*.hpp' '*.cpp' 2>/dev/null || find primitives perf benchmarks tests cmake -name '*.[hc]pp')

.PHONY: help
help:
	@echo 'contend: which lock, queue or counter to use on this machine, measured'
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 20

.PHONY: programs
programs:
	@cmake/setup.sh build
	@cmake/build.sh release programs

.PHONY: bench
bench: programs ## measure in a few minutes and write a report (ARGS='--help' lists what can be chosen)
	@$(contend) bench $(ARGS)

.PHONY: bench-full
bench-full: programs ## measure every parameter; long
	@$(contend) bench --profile full $(ARGS)

.PHONY: simulate
simulate: programs ## count line transfers and false sharing with simulated threads, up to 128 (ARGS='--machine spr-2s')
	@$(contend) simulate $(ARGS)

.PHONY: report
report: programs ## draw the report of the newest run again (ARGS=<run directory> for another)
	@$(contend) report $(ARGS)

.PHONY: doctor
doctor: programs ## say in a few seconds what can be trusted on this machine, and what to do (ARGS=--json for data)
	@$(contend) doctor $(ARGS)

.PHONY: gate
gate: ## did contention get worse since BASE=<branch or commit>? Exact and timed (ARGS='--help' lists what can be chosen)
	@cmake/setup.sh build
	@cmake/build.sh release gate
	@$(contend) gate $(if $(BASE),--base '$(BASE)') $(ARGS)

.PHONY: gate-aa
gate-aa: programs ## how often is the gate wrong here? RUNS=20 gates of a program against itself; at most 1 may be red
	@$(gate) study --live build/release/bin/contend-bench build/release/bin/contend-bench --runs '$(RUNS)' --most-red 1 $(ARGS)

.PHONY: gate-study
gate-study: ## the same over recorded pairs, 200 gates each, and what it finds of slowdowns of 10 % and 25 %
	@cmake/setup.sh build
	@for recording in perf/gate/recorded/*.csv.gz; do $(gate) study "$$recording" --most-red 1 $(ARGS) || exit; done

.PHONY: speed
speed: ## how fast the apparatus itself is: its loop, its start, its report, the peers' adapters
	@cmake/setup.sh build
	@cmake/build.sh release speed
	@benchmarks/speed.sh build/release/bin

.PHONY: test
test: ## build everything and run the tests
	@cmake/setup.sh build test
	@cmake/build.sh release test --label-exclude 'stress|long'

.PHONY: test-pmu
test-pmu: ## count on an emulated machine that has a PMU, and on one that has none
	@cmake/setup.sh build pmu
	@tests/pmu_vm/run.sh

.PHONY: check
check: ## the tests, long ones too, then under sanitizers and clang, then lint
	@cmake/setup.sh build test browser format check peers
	@cmake/build.sh release test
	@for kind in asan tsan clang; do cmake/build.sh $$kind test --label-exclude once || exit; done
	@tests/lint/lint.sh

.PHONY: golden
golden: programs ## compare simulated cells with the golden numbers of this compiler (ARGS=--quick for a part)
	@$(gate) golden check --program $(contend) $(ARGS)

.PHONY: bless
bless: programs ## take the simulated cells' numbers as the golden ones, and show what changes
	@$(gate) golden bless --program $(contend)

.PHONY: install
install: programs ## install headers, programs and the CMake package (PREFIX=/usr/local)
	@cmake --install build/release --prefix '$(PREFIX)' >build/release/install.log
	@echo "installed under $(PREFIX); the files are listed in build/release/install.log"

.PHONY: format
format: ## lay the C++ files out as .clang-format says
	@cmake/setup.sh format
	@clang-format -i $(files)

.PHONY: clean
clean: ## remove build/; results/ stay
	@rm -rf build
