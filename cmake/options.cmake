# kerf_options: flags that every target of Kerf is built with; linker and compiler cache if present.
include_guard(GLOBAL)
include(CheckLinkerFlag)

option(KERF_WERROR "Treat warnings as errors" ON)
option(KERF_STATIC "Link the programs fully static" ON)
option(KERF_TESTS "Build tests and link tests" ON)
option(KERF_FUZZ "Build libFuzzer programs (clang only)" OFF)
set(KERF_SANITIZE "" CACHE STRING "Value for -fsanitize=, e.g. address,undefined")
set(KERF_SHARED_DIR "${PROJECT_SOURCE_DIR}/../shared" CACHE PATH
    "Reference data that some tests compare with; they skip where it is absent")

# No NDEBUG anywhere: Kerf's asserts stay on in release. -O3 brings false -Wrestrict in g++ 12.
set(CMAKE_CXX_FLAGS_RELEASE "-O2")
set(CMAKE_CXX_FLAGS_DEBUG "-O1 -g")

add_library(kerf_options INTERFACE)
target_compile_features(kerf_options INTERFACE cxx_std_20)
target_include_directories(kerf_options INTERFACE ${PROJECT_SOURCE_DIR}/src)
target_compile_definitions(kerf_options INTERFACE _GLIBCXX_ASSERTIONS)
set(flags -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Wold-style-cast
    -Woverloaded-virtual -Wimplicit-fallthrough
    -ffp-contract=off)  # the same floating-point results on every machine
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  list(APPEND flags -Wno-maybe-uninitialized)  # g++ 12: false ones of strings in an expected
endif()
if(KERF_WERROR)
  list(APPEND flags -Werror)
endif()
if(KERF_SANITIZE)
  list(APPEND flags -fsanitize=${KERF_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND KERF_SANITIZE MATCHES "thread")
    list(APPEND flags -Wno-tsan)  # Asio's fences, which TSan does not understand
  endif()
  target_link_options(kerf_options INTERFACE -fsanitize=${KERF_SANITIZE})
  set(KERF_STATIC OFF)  # the sanitizers' runtimes are dynamic
endif()
target_compile_options(kerf_options INTERFACE "$<$<COMPILE_LANGUAGE:CXX>:${flags}>")

find_program(KERF_CCACHE ccache)
if(KERF_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${KERF_CCACHE})
endif()
find_program(KERF_MOLD mold)
if(KERF_MOLD)
  check_linker_flag(CXX -fuse-ld=mold KERF_LINKER_MOLD)
  if(KERF_LINKER_MOLD)
    target_link_options(kerf_options INTERFACE -fuse-ld=mold)
  endif()
endif()
