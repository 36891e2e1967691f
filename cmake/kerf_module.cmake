# kerf_module(): a module of Kerf: its library, its test, and a link test of what it declares.
#
#   kerf_module(NAME core_gpu DIR core/gpu DEPS base [PURE] ...)
#
#   NAME         target kerf_<NAME>; tests <NAME>_test and <NAME>_link_test
#   DIR          folder under src/, not recursive. *.cc make the library; a folder that has only
#                headers becomes an INTERFACE library; one that does not exist is skipped
#   DEPS         modules that this one includes and links
#   HEADER_DEPS  headers of other modules (globs, relative to src/) that may be included although
#                their module is not linked: shared value types, no shared code
#   PURE         no I/O, clock, thread, environment or throw (tools/check_layers.py holds it to that)
#   SYSTEM_LIBS  libraries from outside, seen by this module only
#   SOURCES      generated sources
#   TEST_DEPS    modules that *_test.cc, and the *_testing.h and .cc that tests share, may use beside
#                DEPS; cycles are fine, a test is a program
#   PROGRAM      name of the executable whose main is <DIR>/main.cc
#   DYNAMIC      the program loads a library at run time or needs shared ones: nothing is static
#   SHARED       name of a shared library (lib/lib<name>.so.1) made of this module and its DEPS, which
#                need POSITION_INDEPENDENT_CODE; it exports what <DIR>/exports.map says
#
# After the last module: kerf_finish_modules().
# Also here: kerf_test() for tests outside src/, kerf_fuzz_target() for fuzz/.
include_guard(GLOBAL)
include(GoogleTest)

# GCC's runtimes (libgfortran at exit, libstdc++) reach threads by weak references, which pull nothing
# out of a static libc: one that is there without the others is a call of address 0. So all are asked
# for by name (the list of gthr-posix.h).
set(KERF_STATIC_THREADS)
foreach(symbol once getspecific setspecific create join equal self detach cancel mutex_lock
        mutex_trylock mutex_timedlock mutex_unlock mutex_init mutex_destroy cond_init cond_broadcast
        cond_signal cond_wait cond_timedwait cond_destroy key_create key_delete mutexattr_init
        mutexattr_settype mutexattr_destroy)
  list(APPEND KERF_STATIC_THREADS -Wl,-u,pthread_${symbol})
endforeach()

function(kerf_module)
  cmake_parse_arguments(PARSE_ARGV 0 arg "PURE;DYNAMIC" "NAME;DIR;PROGRAM;SHARED"
                        "DEPS;HEADER_DEPS;SYSTEM_LIBS;SOURCES;TEST_DEPS")
  if(arg_UNPARSED_ARGUMENTS OR NOT arg_NAME OR NOT arg_DIR)
    message(FATAL_ERROR "kerf_module(${ARGV}): NAME and DIR are needed; "
                        "not understood: '${arg_UNPARSED_ARGUMENTS}'")
  endif()

  set(folder ${PROJECT_SOURCE_DIR}/src/${arg_DIR})
  file(GLOB sources CONFIGURE_DEPENDS ${folder}/*.cc)
  set(test_sources ${sources})
  list(FILTER test_sources INCLUDE REGEX "_test(ing)?\\.cc$")
  list(FILTER sources EXCLUDE REGEX "_test(ing)?\\.cc$")
  set(main_source ${sources})
  list(FILTER main_source INCLUDE REGEX "/main\\.cc$")
  list(FILTER sources EXCLUDE REGEX "/main\\.cc$")
  file(GLOB headers CONFIGURE_DEPENDS ${folder}/*.h)

  set(missing)
  foreach(dep IN LISTS arg_DEPS)
    if(NOT TARGET kerf_${dep})
      list(APPEND missing ${dep})
    endif()
  endforeach()

  set(present true)
  if(NOT sources AND NOT headers AND NOT main_source)
    message(STATUS "Module ${arg_NAME}: skipped, src/${arg_DIR} does not exist")
    set(present false)
  elseif(missing)
    message(STATUS "Module ${arg_NAME}: skipped, it needs ${missing}")
    set(present false)
  endif()

  # What check_layers.py and kerf_finish_modules() read.
  set_property(GLOBAL APPEND PROPERTY KERF_MODULES ${arg_NAME})
  foreach(field DIR DEPS HEADER_DEPS TEST_DEPS PURE)
    set_property(GLOBAL PROPERTY KERF_${arg_NAME}_${field} "${arg_${field}}")
  endforeach()
  set_property(GLOBAL PROPERTY KERF_${arg_NAME}_PRESENT ${present})
  set_property(GLOBAL PROPERTY KERF_${arg_NAME}_TESTS "${test_sources}")
  if(NOT present)
    return()
  endif()

  list(TRANSFORM arg_DEPS PREPEND kerf_ OUTPUT_VARIABLE deps)
  list(APPEND sources ${arg_SOURCES})
  set(target kerf_${arg_NAME})
  if(sources)
    add_library(${target} STATIC ${sources})
    target_link_libraries(${target} PUBLIC kerf_options ${deps} PRIVATE ${arg_SYSTEM_LIBS})
  else()
    add_library(${target} INTERFACE)
    target_link_libraries(${target} INTERFACE kerf_options ${deps})
  endif()

  if(arg_SHARED)
    add_library(${arg_SHARED} SHARED $<TARGET_OBJECTS:${target}>)
    target_link_libraries(${arg_SHARED} PRIVATE kerf_options ${deps} ${arg_SYSTEM_LIBS})
    # Never unloaded: programs that load and close it again and again would lose a C++ runtime each
    # time.
    target_link_options(${arg_SHARED} PRIVATE
      -static-libstdc++ -static-libgcc -Wl,-z,nodelete
      -Wl,--version-script=${folder}/exports.map)
    set_target_properties(${arg_SHARED} PROPERTIES
      SOVERSION 1 LINKER_LANGUAGE CXX LINK_DEPENDS ${folder}/exports.map
      LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/lib)
  endif()

  if(arg_PROGRAM AND main_source)
    add_executable(${arg_PROGRAM} ${main_source})
    target_link_libraries(${arg_PROGRAM} PRIVATE ${target})
    if(KERF_STATIC AND NOT arg_DYNAMIC)
      target_link_options(${arg_PROGRAM} PRIVATE -static ${KERF_STATIC_THREADS})
    endif()
  endif()
endfunction()

# Makes the tests of all modules (they may use modules declared later) and modules.json.
function(kerf_finish_modules)
  get_property(modules GLOBAL PROPERTY KERF_MODULES)
  set(entries)
  foreach(name IN LISTS modules)
    foreach(field DIR DEPS HEADER_DEPS TEST_DEPS PURE PRESENT TESTS)
      get_property(${field} GLOBAL PROPERTY KERF_${name}_${field})
    endforeach()
    foreach(field DEPS HEADER_DEPS TEST_DEPS)
      list(TRANSFORM ${field} REPLACE "(.+)" "\"\\1\"" OUTPUT_VARIABLE quoted)
      list(JOIN quoted ", " ${field}_json)
    endforeach()
    string(TOLOWER "${PURE}" pure)
    list(APPEND entries "  {\"name\": \"${name}\", \"dir\": \"${DIR}\", \"deps\": [${DEPS_json}], \
\"header_deps\": [${HEADER_DEPS_json}], \"test_deps\": [${TEST_DEPS_json}], \
\"pure\": ${pure}, \"present\": ${PRESENT}}")
    if(PRESENT AND KERF_TESTS)
      kerf_link_test(${name})
      if(TESTS)
        kerf_test(NAME ${name}_test SOURCES ${TESTS} DEPS ${name} ${TEST_DEPS})
      endif()
    endif()
  endforeach()
  list(JOIN entries ",\n" json)
  file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/modules.json CONTENT "[\n${json}\n]\n" @ONLY)
endfunction()

# Links every object of a module with nothing but what it declares, so that a symbol used without
# its module in DEPS fails the build instead of being found by chance.
function(kerf_link_test name)
  get_target_property(type kerf_${name} TYPE)
  if(NOT type STREQUAL "STATIC_LIBRARY")
    return()
  endif()
  set(main ${CMAKE_BINARY_DIR}/generated/empty_main.cc)
  file(CONFIGURE OUTPUT ${main} CONTENT "// A program that does nothing.\nint main() { return 0; }\n")
  add_executable(${name}_link_test ${main})
  target_link_libraries(${name}_link_test PRIVATE $<LINK_LIBRARY:WHOLE_ARCHIVE,kerf_${name}>)
  set_target_properties(${name}_link_test PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin CXX_CLANG_TIDY "")
  add_test(NAME ${name}_link_test COMMAND ${name}_link_test)
endfunction()

# kerf_test(NAME cases_test SOURCES cases_test.cc DEPS report solver): a GoogleTest program.
# Its tests are named NAME/Suite.Test. It finds the repository through KERF_SOURCE_DIR, and through
# KERF_SHARED_DIR reference data that need not exist: skip, with the reason, where it is absent.
function(kerf_test)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "NAME" "SOURCES;DEPS")
  if(NOT KERF_TESTS)
    return()
  endif()
  foreach(dep IN LISTS arg_DEPS)
    if(NOT TARGET kerf_${dep})
      message(STATUS "Test ${arg_NAME}: skipped, it needs ${dep}")
      return()
    endif()
  endforeach()
  list(TRANSFORM arg_DEPS PREPEND kerf_ OUTPUT_VARIABLE deps)
  add_executable(${arg_NAME} ${arg_SOURCES})
  target_link_libraries(${arg_NAME} PRIVATE ${deps} GTest::gmock GTest::gtest_main)
  # Half of a build is tests; what they try is compiled as it is shipped.
  target_compile_options(${arg_NAME} PRIVATE $<$<CONFIG:Release>:-O1>)
  target_compile_definitions(${arg_NAME} PRIVATE
    KERF_SOURCE_DIR="${PROJECT_SOURCE_DIR}" KERF_SHARED_DIR="${KERF_SHARED_DIR}")
  set_target_properties(${arg_NAME} PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin
    CXX_CLANG_TIDY "")  # it does not understand ASSERT_TRUE(optional)
  gtest_discover_tests(${arg_NAME} TEST_PREFIX ${arg_NAME}/ DISCOVERY_TIMEOUT 120
                       PROPERTIES TIMEOUT 600)
endfunction()

# kerf_fuzz_target(NAME yaml DEPS codec): fuzz/yaml_fuzz.cc, which defines LLVMFuzzerTestOneInput.
# With the fuzz preset it is a libFuzzer program; everywhere else a program that replays files.
# Either way the ordinary test run gives it every file of fuzz/corpus/<NAME>/.
function(kerf_fuzz_target)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "NAME" "DEPS")
  list(TRANSFORM arg_DEPS PREPEND kerf_ OUTPUT_VARIABLE deps)
  set(target fuzz_${arg_NAME})
  set(corpus ${PROJECT_SOURCE_DIR}/fuzz/corpus/${arg_NAME})
  add_executable(${target} ${PROJECT_SOURCE_DIR}/fuzz/${arg_NAME}_fuzz.cc)
  target_link_libraries(${target} PRIVATE ${deps})
  set_target_properties(${target} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
  if(KERF_FUZZ)
    target_link_options(${target} PRIVATE -fsanitize=fuzzer)
    add_test(NAME ${target}_corpus COMMAND ${target} -runs=0 ${corpus})
  else()
    target_sources(${target} PRIVATE ${PROJECT_SOURCE_DIR}/cmake/fuzz_replay.cc)
    add_test(NAME ${target}_corpus COMMAND ${target} ${corpus})
  endif()
  set_tests_properties(${target}_corpus PROPERTIES TIMEOUT 600)
endfunction()
