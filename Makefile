# Kerf's everyday commands; CMakePresets.json has the builds behind them.
SHELL := /bin/bash
.DEFAULT_GOAL := help
export KERF_START := $(or $(KERF_START),$(shell date +%s))
JOBS ?= $(shell nproc)
# Seconds for each fuzz target.
FUZZ_SECONDS ?= 60

# One line for each step: seconds since the start, and what is done now.
say = @printf '==> [%4d s] %s\n' $$(($$(date +%s) - $(KERF_START))) '$(1)'
# Without a terminal, ninja's progress would be a line for each file.
quiet = $$([ -t 1 ] || echo -- --quiet)

# Ninja configures again by itself when a CMake file changes, so this costs nothing the second time.
# A build folder that was made elsewhere (a copied or renamed checkout) is configured afresh.
define configure
@cache=build/$(1)/CMakeCache.txt; \
if [ build/$(1)/build.ninja -nt CMakePresets.json ] && \
   grep -qxF -e "CMAKE_HOME_DIRECTORY:INTERNAL=$$PWD" \
     -e "CMAKE_HOME_DIRECTORY:INTERNAL=$$(pwd -P)" $$cache; then exit 0; fi; \
cmake --preset $(1) --fresh -Wno-dev </dev/null >build/$(1).log 2>&1 || { cat build/$(1).log; exit 1; }
endef

.PHONY: help setup build test demo bench plots asan fuzz format clean

help:
	@echo 'make setup    install what is missing from Debian packages'
	@echo 'make build    build/kerf, one static program'
	@echo 'make test     build and run every test'
	@echo 'make demo     build, then show what Kerf does on an example'
	@echo 'make bench    measure; results in build/bench/'
	@echo 'make plots    draw docs/pictures/ from what make bench measured'
	@echo 'make asan     every test under AddressSanitizer and UBSan'
	@echo 'make fuzz     each fuzz target for FUZZ_SECONDS=$(FUZZ_SECONDS) (needs tools/setup --dev)'
	@echo 'make format   clang-format (needs tools/setup --dev)'
	@echo 'make clean    remove build/'

setup:
	$(call say,setup)
	@tools/setup

build: setup
	@mkdir -p build
	$(call say,configure: release)
	$(call configure,release)
	$(call say,build: release (minutes if it is the first time))
	@cmake --build --preset release -j $(JOBS) $(quiet) </dev/null
	@if [ -x build/release/kerf ]; then cp -f build/release/kerf build/kerf.new && mv -f build/kerf.new build/kerf && ln -sf kerf build/kubectl-kerf; fi

test: build
	$(call say,parts of a real Kubernetes for tests/e2e (about 8 minutes if it is the first time))
	@tests/e2e/build </dev/null >/dev/null || [ $$? = 3 ]
	$(call say,test)
	@ctest --preset release --output-on-failure -j2 </dev/null
	@tests/e2e/build --go </dev/null >/dev/null 2>&1 || echo 'e2e SKIPPED: needs Go >= 1.26'

demo: build
	@if [ ! -x tools/demo ]; then echo 'There is no tools/demo.'; exit 1; fi
	$(call say,demo)
	@tools/demo

bench: build
	@if [ ! -x build/release/bench/kerf_bench ]; then echo 'There is no benchmark in this build.'; exit 1; fi
	@mkdir -p build/bench
	$(call say,bench: results go to build/bench/)
	@build/release/bench/kerf_bench build/bench </dev/null
	$(call say,bench: where slicing pays)
	@build/release/bench/kerf_slicing_bench build/bench </dev/null
	$(call say,bench: the planner against its targets (half an hour))
	@build/release/bench/kerf_target_bench --folder build/bench </dev/null
	$(call say,bench: placement against FGD)
	@build/release/bench/kerf_online_bench build/bench </dev/null
	$(call say,bench: consolidation)
	@build/release/bench/kerf_consolidate_bench build/bench </dev/null
	$(call say,bench: cost of a decision as the cluster grows)
	@build/release/bench/kerf_scale_bench build/bench </dev/null
	$(call say,bench: a cluster of up to 30000 pods from kubectl's output to the screen)
	@build/release/bench/kerf_live_bench build/bench </dev/null
	$(call say,bench: cost of a call on the simulated driver)
	@build/release/bench/kerf_fake_driver_bench build/bench </dev/null
	$(call say,bench: the node agent (5 minutes))
	@build/release/bench/kerf_agent_bench build/bench </dev/null

plots:
	@tools/plot

asan: setup
	@mkdir -p build
	$(call say,configure: asan)
	$(call configure,asan)
	$(call say,build: asan (minutes if it is the first time))
	@cmake --build --preset asan -j $(JOBS) $(quiet) </dev/null
	$(call say,test: asan)
	@ctest --preset asan --output-on-failure -j2 </dev/null

fuzz:
	$(call say,setup --dev)
	@tools/setup --dev
	@mkdir -p build
	$(call say,configure: fuzz)
	$(call configure,fuzz)
	$(call say,build: fuzz)
	@cmake --build --preset fuzz -j $(JOBS) $(quiet) </dev/null
	@shopt -s nullglob; targets=(build/fuzz/bin/fuzz_*); \
	if [ $${#targets[@]} -eq 0 ]; then echo 'There is no fuzz target.'; exit 1; fi; \
	for target in "$${targets[@]}"; do \
	  name=$${target##*/fuzz_}; \
	  printf '==> [%4d s] fuzz: %s for $(FUZZ_SECONDS) s\n' $$(($$(date +%s) - $(KERF_START))) $$name; \
	  mkdir -p build/fuzz/found/$$name build/fuzz/crashes; \
	  $$target -max_total_time=$(FUZZ_SECONDS) -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
	    -artifact_prefix=build/fuzz/crashes/$$name- build/fuzz/found/$$name fuzz/corpus/$$name \
	    </dev/null >build/fuzz/$$name.log 2>&1 || { tail -40 build/fuzz/$$name.log; exit 1; }; \
	  grep -E 'stat::number_of_executed_units|^Done' build/fuzz/$$name.log; \
	done

format:
	@find src tests fuzz bench cmake \( -name '*.h' -o -name '*.cc' \) -print0 2>/dev/null | \
	  xargs -0 -r clang-format-16 -i

clean:
	rm -rf build
