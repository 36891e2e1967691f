// Finds the experiment's files in the shared data and reads one run of them.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "fgd/protocol.h"

namespace kerf::fgd {

inline constexpr std::array kTraces = {"default",     "cpu100",     "gpushare40",
                                       "gpushare100", "multigpu30", "gpuspec10"};
inline constexpr std::array kSeeds = {42, 43, 44, 45, 46};

/// An allocation curve by load point, percent of all GPUs.
using PublishedCurve = std::array<std::optional<double>, kLoadMax + 1>;

/// One trace with one seed's arrivals and ranks, and what FGD reached on it.
struct Experiment {
  NodeList nodes;
  Trace trace;
  std::vector<std::size_t> arrivals;
  std::vector<std::size_t> ranks;
  PublishedCurve published;
};

/// Whether `data` (the shared data folder) has the files at all.
bool is_present(const std::string& data);

/// Orders are unpacked by `tar`, in memory. Anything missing or malformed is an error that names
/// the file.
Result<Experiment> read_experiment(const std::string& data, const std::string& trace, int seed);

/// The largest distance between the two curves, percentage points; a point that only one of them
/// has counts as 100.
double worst_deviation(const Outcome& outcome, const PublishedCurve& published);

}  // namespace kerf::fgd
