// Nodes and tasks written as rows, for the tests of FGD's experiment.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "fgd/trace.h"

namespace kerf::fgd {

/// Rows "name,cpu_milli,memory_mib,gpus,model".
inline NodeList nodes_of(const std::string& rows) {
  auto nodes = read_nodes("sn,cpu_milli,memory_mib,gpu,model\n" + rows, "nodes.csv");
  EXPECT_TRUE(nodes) << (nodes ? "" : nodes.error().message());
  return *nodes;
}

/// Rows "cpu_milli,memory_mib,gpus,gpu_milli,models".
inline Trace trace_of(const std::string& rows, const NodeList& nodes) {
  auto trace =
      read_tasks("cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec\n" + rows, "pods.csv", nodes);
  EXPECT_TRUE(trace) << (trace ? "" : trace.error().message());
  return *trace;
}

}  // namespace kerf::fgd
