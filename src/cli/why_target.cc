// Names of pods and workloads, as the options that name workloads read them.
#include "cli/why_target.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "base/quote.h"
#include "cli/suggest.h"
#include "codec/overrides.h"

namespace kerf::cli {
namespace {

/// Names near to the word: with their namespaces if it has a slash.
std::vector<std::string> near_names(const std::vector<codec::OverrideTarget>& targets,
                                    const std::string& word) {
  std::vector<std::string> names;
  const bool full = word.find('/') != std::string::npos;
  for (const codec::OverrideTarget& target : targets)
    names.push_back(full ? target.ns + "/" + target.name : target.name);
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  std::vector<std::string> out;
  for (const std::string& name : nearest(word, names)) out.push_back(shown(name));
  return out;
}

}  // namespace

Result<report::WhyTarget> find_why_target(const cluster::Demand& demand, const std::string& word) {
  std::vector<codec::OverrideTarget> targets;
  for (std::size_t w = 0; w < demand.workloads.size(); ++w) {
    const cluster::Workload& workload = demand.workloads[w];
    if (workload.kind != "Pod") targets.push_back({workload.kind, workload.ns, workload.name, w});
  }
  const std::size_t pods_from = demand.workloads.size();
  for (std::size_t p = 0; p < demand.pods.size(); ++p)
    targets.push_back(
        {"Pod", demand.shapes.at(demand.pods[p].shape).ns, demand.pods[p].name, pods_from + p});
  if (targets.empty())
    return fail(ErrorCode::NotFound,
                "no pod that was read asks for a GPU, so there is nothing to "
                "say of any");
  auto found = codec::find_target("target", word, targets);
  if (!found && found.error().code() == ErrorCode::NotFound)
    return fail(ErrorCode::NotFound,
                fmt::format("no pod with a GPU request, and no owner of one, is called {}{}",
                            quoted(word, 253), did_you_mean(near_names(targets, word))));
  if (!found) return tl::unexpected(std::move(found).error());
  report::WhyTarget out;
  if (*found < pods_from) {
    out.workload = static_cast<std::uint32_t>(*found);
    return out;
  }
  const auto pod = static_cast<std::uint32_t>(*found - pods_from);
  out.pod = pod;
  out.workload = demand.pods[pod].workload;
  return out;
}

}  // namespace kerf::cli
