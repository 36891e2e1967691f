# kerf_kubelet_api: kubelet's gRPC APIs, made from src/shell/kubelet/api/*.proto at build time.
# Generated headers are included as <kubelet_api/deviceplugin.grpc.pb.h>. Generated code has none of
# Kerf's warnings; clang-tidy does not look at it.
include_guard(GLOBAL)

find_program(KERF_PROTOC protoc)
find_program(KERF_GRPC_CPP_PLUGIN grpc_cpp_plugin)
mark_as_advanced(KERF_PROTOC KERF_GRPC_CPP_PLUGIN)
if(NOT KERF_PROTOC OR NOT KERF_GRPC_CPP_PLUGIN)
  message(FATAL_ERROR "protoc or grpc_cpp_plugin was not found. Run tools/setup.")
endif()

set(proto_folder ${PROJECT_SOURCE_DIR}/src/shell/kubelet/api)
set(root ${CMAKE_BINARY_DIR}/generated/include)
set(made ${root}/kubelet_api)
file(MAKE_DIRECTORY ${made})
set(sources)
foreach(name deviceplugin podresources)
  set(outputs ${made}/${name}.pb.cc ${made}/${name}.pb.h
              ${made}/${name}.grpc.pb.cc ${made}/${name}.grpc.pb.h)
  add_custom_command(
    OUTPUT ${outputs}
    COMMAND ${KERF_PROTOC} --proto_path=${proto_folder} --cpp_out=${made} --grpc_out=${made}
            --plugin=protoc-gen-grpc=${KERF_GRPC_CPP_PLUGIN} ${name}.proto
    DEPENDS ${proto_folder}/${name}.proto
    COMMENT "kubelet's API: ${name}.proto" VERBATIM)
  list(APPEND sources ${made}/${name}.pb.cc ${made}/${name}.grpc.pb.cc)
endforeach()

add_library(kerf_kubelet_api STATIC ${sources})
target_include_directories(kerf_kubelet_api SYSTEM PUBLIC ${root})
target_link_libraries(kerf_kubelet_api PUBLIC kerf_grpc)
set_target_properties(kerf_kubelet_api PROPERTIES CXX_CLANG_TIDY "")
