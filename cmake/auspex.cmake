# How this project builds its parts: auspex_module() for a library under src/auspex, auspex_test() for its tests.

# The repository, also where another project adds single modules of it.
get_filename_component(AUSPEX_ROOT "${CMAKE_CURRENT_LIST_DIR}/.." REALPATH)

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

find_program(AUSPEX_CCACHE ccache)
if(AUSPEX_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER "${AUSPEX_CCACHE}")
endif()
find_program(AUSPEX_MOLD mold)
if(AUSPEX_MOLD)
  add_link_options(-fuse-ld=mold)
endif()

# Boost.Asio units take close to 1 GB each.
set_property(GLOBAL PROPERTY JOB_POOLS heavy=2)

add_library(auspex_options INTERFACE)
add_library(auspex::options ALIAS auspex_options)
target_compile_options(auspex_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wold-style-cast
  # Replay promises the same bits: no contraction of a*b+c that depends on the machine.
  -ffp-contract=off
  $<$<BOOL:${AUSPEX_WERROR}>:-Werror>)
if(AUSPEX_SANITIZE)
  add_compile_options(-fsanitize=${AUSPEX_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${AUSPEX_SANITIZE})
endif()
if(AUSPEX_FUZZ)
  # Coverage of the product's own code; libFuzzer's main() comes with each target (fuzz/CMakeLists.txt).
  # clang 14 cannot lay out coroutines under -fsanitize=function ("a difference across sections").
  add_compile_options(-fsanitize=fuzzer-no-link -fno-sanitize=function)
endif()
# -g1 keeps file and line in a trace at a third of the size.
set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O2 -g1")

# auspex_module(NAME SOURCES a.cc HEADERS a.h DEPENDS auspex::base PRIVATE_DEPENDS fmt::fmt)
# HEADERS are the public ones; each is verified to compile alone (all_verify_interface_header_sets).
function(auspex_module name)
  cmake_parse_arguments(arg "" "" "SOURCES;HEADERS;DEPENDS;PRIVATE_DEPENDS" ${ARGN})
  # The product's headers are included from src/, the lab's ("lab/…") from the root.
  set(include_root "${AUSPEX_ROOT}")
  if(CMAKE_CURRENT_SOURCE_DIR MATCHES "/src/")
    set(include_root "${AUSPEX_ROOT}/src")
  endif()
  list(TRANSFORM arg_HEADERS PREPEND "${CMAKE_CURRENT_SOURCE_DIR}/")
  set(headers "")
  foreach(header IN LISTS arg_HEADERS)
    get_filename_component(header "${header}" REALPATH)
    list(APPEND headers "${header}")
  endforeach()
  add_library(auspex_${name} STATIC ${arg_SOURCES})
  add_library(auspex::${name} ALIAS auspex_${name})
  target_sources(auspex_${name} PUBLIC FILE_SET HEADERS
    BASE_DIRS "${include_root}" FILES ${headers})
  target_link_libraries(auspex_${name} PUBLIC ${arg_DEPENDS} PRIVATE auspex::options ${arg_PRIVATE_DEPENDS})
  set_target_properties(auspex_${name} PROPERTIES VERIFY_INTERFACE_HEADER_SETS ON)
endfunction()

# auspex_test(NAME SOURCES a_test.cc DEPENDS auspex::traffic [LABELS e2e] [TIMEOUT 60]): one binary,
# each of its tests a ctest of its own.
function(auspex_test name)
  cmake_parse_arguments(arg "" "TIMEOUT" "SOURCES;DEPENDS;LABELS" ${ARGN})
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 60)
  endif()
  if(AUSPEX_SANITIZE)
    math(EXPR arg_TIMEOUT "10 * ${arg_TIMEOUT}")
  endif()
  # An empty LABELS would swallow the property behind it.
  set(labels "")
  if(arg_LABELS)
    set(labels LABELS "${arg_LABELS}")
  endif()
  add_executable(${name}_test ${arg_SOURCES})
  target_link_libraries(${name}_test PRIVATE ${arg_DEPENDS} auspex::options GTest::gmock GTest::gtest_main)
  target_include_directories(${name}_test PRIVATE "${AUSPEX_ROOT}")
  gtest_discover_tests(${name}_test
    DISCOVERY_MODE PRE_TEST
    WORKING_DIRECTORY "${AUSPEX_ROOT}"
    PROPERTIES TIMEOUT ${arg_TIMEOUT} ENVIRONMENT "RC_PARAMS=seed=1" ${labels})
endfunction()
