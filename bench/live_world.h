// A made-up cluster as kubectl prints it, in a folder: for kerf_live_bench where no recording is
// given.
#pragma once

#include <cstddef>
#include <string>

namespace kerf::bench {

struct LiveWorld {
  std::size_t pods = 0;
  std::size_t nodes = 0;
};

/// Writes RESOURCE.json for nodes, pods, ReplicaSets and autoscalers into the folder, which is
/// made: lists with an indent, as long as real ones (about 8 KB a pod). Always the same for the
/// same size. Of the nodes a quarter have no GPU, the rest are g5, g6, p4d and p5, some cut by MIG;
/// of the pods about half ask for a GPU or a slice, about a quarter of them wait.
void write_live_world(const LiveWorld& world, const std::string& folder);

}  // namespace kerf::bench
