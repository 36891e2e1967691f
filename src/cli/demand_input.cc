// Files become documents, documents a demand; the codecs do the reading, this does the fetching.
#include "cli/demand_input.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "cli/files.h"
#include "cli/paths.h"
#include "codec/cluster_reading.h"
#include "codec/document.h"
#include "codec/json.h"
#include "codec/manifest.h"
#include "codec/trace.h"
#include "codec/yaml.h"

namespace kerf::cli {
namespace {

constexpr std::size_t kBlank = std::string_view::npos;

std::size_t first_ink(std::string_view text, std::size_t from = 0) {
  return text.find_first_not_of(" \t\r\n", from);
}

/// `{ "`: how JSON objects begin, and neither YAML that people write nor a template.
bool looks_like_json(std::string_view text) {
  const std::size_t brace = first_ink(text);
  if (brace == kBlank || text[brace] != '{') return false;
  const std::size_t next = first_ink(text, brace + 1);
  return next != kBlank && text[next] == '"';
}

Result<std::vector<codec::Document>> parse_all(const std::vector<std::string>& files,
                                               const std::function<void(std::string_view)>& tell) {
  const codec::Limits limits;
  const std::size_t total_max = 4 * limits.bytes;
  std::size_t total = 0;
  std::vector<codec::Document> documents;
  for (const std::string& file : files) {
    tell(fmt::format("reading {}", display_name(file)));
    KERF_TRY(const std::string text, read_text(file, limits.bytes));
    total += text.size();
    if (total > total_max) {
      return fail(ErrorCode::TooLarge,
                  fmt::format("{}: with it the input is larger than {} MiB, the most that is read",
                              display_name(file), total_max >> 20));
    }
    KERF_TRY(auto more, parse_documents(text, file));
    std::move(more.begin(), more.end(), std::back_inserter(documents));
  }
  return documents;
}

std::string describe(const std::vector<std::string>& files) {
  return files.size() == 1 ? display_name(files.front()) : fmt::format("{} files", files.size());
}

Result<cluster::Demand> from_manifests(const PlanArguments& arguments, const gpu::Catalogue& gpus,
                                       const std::function<void(std::string_view)>& tell) {
  KERF_TRY(
      const std::vector<std::string> files,
      find_manifests(arguments.paths.empty() ? std::vector<std::string>{"-"} : arguments.paths));
  KERF_TRY(const std::vector<codec::Document> documents, parse_all(files, tell));
  if (documents.empty()) {
    return invalid(fmt::format("{}: empty, there is nothing to plan{}", describe(files),
                               arguments.paths.empty()
                                   ? "; give manifests: kerf plan FILE, a folder, or - after a |"
                                   : ""));
  }
  if (is_plan_document(documents))
    return invalid(fmt::format("{}: is a plan, not what to plan; kerf diff compares two of them",
                               describe(files)));
  if (codec::describes_cluster(documents))
    return invalid(
        fmt::format("{0}: describes a cluster, with the nodes that stand: give it as --snapshot "
                    "{1}. To buy all nodes anew, give its pods alone (kubectl get pods -A -o json)",
                    describe(files),
                    files.size() != 1      ? "FILE"
                    : files.front() == "-" ? "-"
                                           : describe(files)));
  cluster::Demand demand;
  codec::ManifestOptions options;
  options.replicas = arguments.replicas;
  options.hours = arguments.hours;
  options.daemonset_overhead = !arguments.daemonsets.has_value();
  tell("reading the manifests");
  KERF_CHECK_OK(codec::read_manifests(documents, options, gpus, demand));
  demand.described = describe(files);
  return demand;
}

Result<cluster::Demand> from_trace(const PlanArguments& arguments, const gpu::Catalogue& gpus,
                                   const std::function<void(std::string_view)>& tell) {
  const std::string& file = *arguments.trace;
  tell(fmt::format("reading {}", display_name(file)));
  KERF_TRY(std::string csv, read_text(file, codec::Limits{}.bytes));
  cluster::Demand demand;
  KERF_CHECK_OK(codec::read_trace(std::move(csv), display_name(file),
                                  {arguments.map, arguments.reference_gpu}, gpus, demand));
  if (demand.described.empty()) demand.described = fmt::format("trace {}", display_name(file));
  return demand;
}

}  // namespace

Result<std::vector<codec::Document>> parse_documents(std::string_view text, const std::string& file,
                                                     const codec::Limits& limits) {
  const std::string name = display_name(file);
  if (file.ends_with(".json") || looks_like_json(text)) {
    auto json = codec::parse_json(text, name, limits);
    if (json) {
      std::vector<codec::Document> documents;
      documents.push_back(*std::move(json));
      return documents;
    }
    if (file.ends_with(".json")) return tl::unexpected(std::move(json).error());
  }
  return codec::parse_yaml(text, name, limits);  // several JSON texts in a row are YAML's
}

bool is_plan_document(const std::vector<codec::Document>& documents) {
  return std::any_of(documents.begin(), documents.end(), [](const codec::Document& document) {
    const codec::Node* version = document.root.find("apiVersion");
    const codec::Node* kind = document.root.find("kind");
    return version != nullptr && kind != nullptr && kind->text == "Plan" &&
           version->text.starts_with("kerf.dev/");
  });
}

Result<cluster::Demand> read_demand(const PlanArguments& arguments, const gpu::Catalogue& gpus,
                                    const std::function<void(std::string_view)>& tell) {
  auto demand =
      arguments.trace ? from_trace(arguments, gpus, tell) : from_manifests(arguments, gpus, tell);
  if (!demand) return demand;
  if (arguments.daemonsets) {
    demand->overhead.daemonsets = *arguments.daemonsets;
    demand->overhead.source = "--daemonsets";
  }
  if (arguments.root_volume_gib) demand->overhead.root_volume_gib = *arguments.root_volume_gib;
  return demand;
}

}  // namespace kerf::cli
