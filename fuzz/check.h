#pragma once

#include <cstdio>
#include <cstdlib>
#include <string>

// fuzz holds a libFuzzer target for each parser of outside bytes. A target feeds its parser any
// bytes and checks what must hold for all of them; the sanitizers watch memory and arithmetic.
// `make fuzz` (clang) looks for new inputs; every other build links the targets with replay_main.cc
// and ctest runs the stored ones, fuzz/corpus/TARGET/, so that a past finding stays found.
//
// Read next: frame_splitter.cc (a small target), CMakeLists.txt (their list), scripts/fuzz.sh.

// Ends the process, also where NDEBUG is defined: libFuzzer keeps the input that did it.
#define AUSPEX_FUZZ_CHECK(condition, detail)                                                \
  do {                                                                                      \
    if (!(condition)) {                                                                     \
      std::fprintf(stderr, "%s:%d: %s does not hold: %s\n", __FILE__, __LINE__, #condition, \
                   std::string(detail).c_str());                                            \
      std::abort();                                                                         \
    }                                                                                       \
  } while (false)
