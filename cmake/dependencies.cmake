# Libraries from outside: all from Debian 12, static, each with a clear message if it is missing.
include_guard(GLOBAL)

# Where the compiler finds an archive, e.g. libClp.a or blas/libblas.a.
function(kerf_find_archive out file)
  if(NOT KERF_ARCHIVE_${file})
    execute_process(COMMAND ${CMAKE_CXX_COMPILER} -print-file-name=${file}
                    OUTPUT_VARIABLE path OUTPUT_STRIP_TRAILING_WHITESPACE)
    if(NOT IS_ABSOLUTE "${path}")
      set(path "")
    endif()
    set(KERF_ARCHIVE_${file} "${path}" CACHE INTERNAL "Path of ${file}")
  endif()
  set(${out} "${KERF_ARCHIVE_${file}}" PARENT_SCOPE)
endfunction()

# kerf_library(<target> HEADER <header> [SUFFIX <include subfolder>] ARCHIVES a b ...): an INTERFACE
# target. An archive written a? is left out where an architecture has none.
function(kerf_library target)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "HEADER;SUFFIX" "ARCHIVES")
  find_path(KERF_INCLUDE_${target} ${arg_HEADER} PATH_SUFFIXES ${arg_SUFFIX})
  mark_as_advanced(KERF_INCLUDE_${target})
  if(NOT KERF_INCLUDE_${target})
    message(FATAL_ERROR "${arg_HEADER} was not found. Run tools/setup.")
  endif()
  add_library(${target} INTERFACE)
  target_include_directories(${target} SYSTEM INTERFACE ${KERF_INCLUDE_${target}})
  foreach(file IN LISTS arg_ARCHIVES)
    string(REPLACE "?" "" plain ${file})
    kerf_find_archive(path ${plain})
    if(path)
      target_link_libraries(${target} INTERFACE ${path})
    elseif(file STREQUAL plain)
      message(FATAL_ERROR "${file} was not found. Run tools/setup.")
    endif()
  endforeach()
endfunction()

# Header-only ones live in the system's include folder; only their presence is checked.
foreach(header fmt/format.h tl/expected.hpp boost/json.hpp CLI/CLI.hpp)
  string(MAKE_C_IDENTIFIER ${header} id)
  find_path(KERF_HEADER_${id} ${header})
  mark_as_advanced(KERF_HEADER_${id})
  if(NOT KERF_HEADER_${id})
    message(FATAL_ERROR "${header} was not found. Run tools/setup.")
  endif()
endforeach()

kerf_library(kerf_yaml HEADER yaml.h ARCHIVES libyaml.a)

# The reference BLAS and LAPACK by their own folders: liblapack.a may point to a tuned library whose
# results depend on the machine.
kerf_library(kerf_clp HEADER ClpSimplex.hpp SUFFIX coin
  ARCHIVES libClp.a libCoinUtils.a lapack/liblapack.a blas/libblas.a libgfortran.a libquadmath.a?
           libbz2.a libz.a)
target_link_libraries(kerf_clp INTERFACE m)

if(KERF_TESTS)
  find_package(GTest QUIET)
  if(NOT TARGET GTest::gmock OR NOT TARGET GTest::gtest_main)
    message(FATAL_ERROR "GoogleTest was not found. Run tools/setup.")
  endif()
endif()

# Those of kerfd, shared libraries: libcurl has no static form (too many of its own libraries lack
# one), and two C++ runtimes in one program would not agree.
find_package(Threads REQUIRED)
function(kerf_shared_library target name)
  find_library(KERF_LIBRARY_${name} ${name})
  mark_as_advanced(KERF_LIBRARY_${name})
  if(NOT KERF_LIBRARY_${name})
    message(FATAL_ERROR "lib${name} was not found. Run tools/setup.")
  endif()
  if(NOT TARGET ${target})
    add_library(${target} INTERFACE)
  endif()
  target_link_libraries(${target} INTERFACE ${KERF_LIBRARY_${name}} Threads::Threads)
endfunction()
kerf_shared_library(kerf_curl curl)
kerf_shared_library(kerf_prometheus prometheus-cpp-core)
# Without TLS and without protobuf's reflection: kubelet is spoken to on Unix sockets, and this saves
# the agent 4 MB of resident memory.
foreach(name grpc++_unsecure grpc_unsecure gpr protobuf-lite absl_synchronization)
  kerf_shared_library(kerf_grpc ${name})
endforeach()
# Headers only.
add_library(kerf_asio INTERFACE)
target_link_libraries(kerf_asio INTERFACE Threads::Threads)

# The system's Python first: Debian's python3-* modules are installed for that one.
find_program(KERF_PYTHON python3 HINTS /usr/bin REQUIRED)
