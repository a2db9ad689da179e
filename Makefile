# `make help` lists the targets. `make demo` and `make test` do all set-up on a fresh Debian 12.

PRESET ?= ci
JOBS ?= $(shell nproc)
BUILD := build/$(PRESET)

.DEFAULT_GOAL := help
.PHONY: help deps build test demo bench format asan tsan fuzz tidy clean

help:  ## What there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

deps:  ## Installs the Debian packages that are missing (scripts/packages.txt)
	@scripts/install_deps.sh

$(BUILD)/build.ninja: CMakeLists.txt CMakePresets.json | deps
	cmake --preset $(PRESET)

build: deps $(BUILD)/build.ninja  ## The optimised binary, build/auspex
	cmake --build $(BUILD) --parallel $(JOBS) --target auspex
	@if [ $(PRESET) = ci ]; then ln -sfn ci/auspex build/auspex; fi

# Whole rollouts run after the rest: beside compilers and stress tests a healthy release looks slow.
test: build  ## Builds and runs every test
	cmake --build $(BUILD) --parallel $(JOBS) --target all all_verify_interface_header_sets
	cd $(BUILD) && ctest --output-on-failure --parallel $(JOBS) --label-exclude e2e
	cd $(BUILD) && ctest --output-on-failure --parallel 4 --label-regex e2e

demo: build  ## One real rollout on this machine, without a fault
	$(BUILD)/auspex demo

bench: build  ## Measures and prints a table against the limits (docs/performance.md); about twenty minutes
	cmake --build $(BUILD) --parallel $(JOBS) --target bench

# Whole rollouts (label e2e) are left out: under a sanitizer the controller and its lab fall behind the traffic they judge. So are the
# simulations (label monte_carlo): ten times slower, and what they run is run by the other tests too.
define sanitized
	cmake --preset $@
	cmake --build build/$@ --parallel $(JOBS) --target all
	cd build/$@ && rm -f report.* && { $(report_to_files) \
	  ctest --output-on-failure --parallel $(JOBS) --label-exclude 'e2e|monte_carlo'; \
	  status=$$?; ! cat report.* 2>/dev/null && exit $$status; }
endef
# Also what a daemon has to report that a test started and ended: any report fails the run.
report_to_files := ASAN_OPTIONS=log_path=$$PWD/report UBSAN_OPTIONS=log_path=$$PWD/report TSAN_OPTIONS=log_path=$$PWD/report:suppressions=$(CURDIR)/scripts/tsan-suppressions.txt
asan: deps  ## All tests but whole rollouts under AddressSanitizer and UndefinedBehaviorSanitizer
	$(sanitized)
tsan: deps  ## The same under ThreadSanitizer
	$(sanitized)

# FUZZ_TARGETS="decide_line configuration" for some of them.
FUZZ_SECONDS ?= 60
fuzz: deps  ## Fuzzes each parser of outside bytes for FUZZ_SECONDS (60)
	cmake --preset fuzz
	cmake --build build/fuzz --parallel $(JOBS) --target fuzzers
	@scripts/fuzz.sh $(FUZZ_SECONDS) $(FUZZ_TARGETS)

# The build runs clang-tidy beside the compiler, so that only what changed since the last run is looked at. Not what a changed
# .clang-tidy would say of the rest: remove build/tidy for that.
tidy: deps  ## clang-tidy and -Wthread-safety over the sources that changed since the last run
	cmake --preset tidy
	cmake --build build/tidy --parallel $(JOBS) --target auspex fuzzers -- -k 0

format:  ## Lays out all C++ files
	git ls-files '*.cc' '*.h' | xargs clang-format -i

clean:  ## Removes what was built
	rm -rf build
