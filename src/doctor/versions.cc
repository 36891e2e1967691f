// Versions of Kubernetes, how old the reading is, and what may not be read.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "doctor/checks.h"
#include "doctor/look.h"

namespace kerf::doctor {
namespace {

constexpr Version kLeast{1, 32};             // containerd with CDI: docs/install-agent.md
constexpr Version kTolerationPolicy{1, 36};  // MutatingAdmissionPolicy is served and on
constexpr Version kContainerd{1, 7};         // the first with CDI
constexpr int kSkewMax = 3;                  // minor versions that a kubelet may be behind
constexpr std::int64_t kOldMs = std::int64_t{12} * 3'600'000;

void check_kubelets(const Facts& facts, const std::optional<Version>& server, Findings& out) {
  std::map<std::string, std::vector<About>> old, skewed;
  for (const NodeFacts& node : facts.nodes) {
    const std::optional<Version> kubelet = version(node.kubelet);
    if (!node.gpu || !kubelet) continue;
    if (*kubelet < kLeast) old[node.kubelet].push_back(node.about);
    if (server && (*kubelet > *server || kubelet->major != server->major ||
                   server->minor - kubelet->minor > kSkewMax)) {
      skewed[node.kubelet].push_back(node.about);
    }
  }
  for (auto& [text, nodes] : old) {
    out.push_back({Code::KubeletOld,
                   fmt::format("{} run kubelet {}; Kerf needs 1.32 or later",
                               counted(nodes.size(), "GPU node", "GPU nodes"), text),
                   std::move(nodes)});
  }
  for (auto& [text, nodes] : skewed) {
    out.push_back({Code::KubeletSkew,
                   fmt::format("{} run kubelet {} beside an API server {}",
                               counted(nodes.size(), "GPU node", "GPU nodes"), text,
                               facts.reading.server_version),
                   std::move(nodes)});
  }
}

void check_containerd(const Facts& facts, Findings& out) {
  constexpr std::string_view kPrefix = "containerd://";
  std::map<std::string, std::vector<About>> old;
  for (const NodeFacts& node : facts.nodes) {
    const std::string runtime =
        text(*node.object, {"status", "nodeInfo", "containerRuntimeVersion"});
    if (!node.gpu || !runtime.starts_with(kPrefix)) continue;
    const std::optional<Version> its = version(std::string_view(runtime).substr(kPrefix.size()));
    if (its && *its < kContainerd) old[runtime].push_back(node.about);
  }
  for (auto& [words, nodes] : old) {
    out.push_back({Code::ContainerdOld,
                   fmt::format("{} {}, which has no CDI",
                               counted(nodes.size(), "GPU node runs", "GPU nodes run"), words),
                   std::move(nodes)});
  }
}

std::string_view group_of(const codec::ClusterKind& kind) {
  const std::size_t slash = kind.api_version.find('/');
  return slash == kind.api_version.npos ? std::string_view{} : kind.api_version.substr(0, slash);
}

/// Kinds of one API group that may not be listed.
struct Refused {
  std::string names;      ///< "daemonsets.apps, deployments.apps"
  std::string lacks;      ///< what is not known without them
  std::string resources;  ///< as a rule names them
};

/// One finding for each API group, with the rule of a ClusterRole that would allow it all.
void tell_refused(const Facts& facts, Findings& out) {
  std::map<std::string_view, Refused> by_group;
  for (const codec::KindReading& one : facts.reading.kinds) {
    if (one.kind == nullptr || one.state != codec::KindState::Forbidden) continue;
    Refused& all = by_group[group_of(*one.kind)];
    const auto add = [](std::string& text, std::string_view more, std::string_view between) {
      if (!text.empty() && !more.empty()) text += between;
      text += more;
    };
    add(all.names, one.kind->resource, ", ");
    add(all.lacks, one.kind->without, "; ");
    add(all.resources, one.kind->resource.substr(0, one.kind->resource.find('.')), ", ");
  }
  for (const auto& [group, all] : by_group) {
    out.push_back({Code::NotAllowed,
                   fmt::format("You may not list {}{}{}", all.names, all.lacks.empty() ? "" : ": ",
                               all.lacks),
                   {},
                   fmt::format("ask for a ClusterRole with the rule {{apiGroups: [\"{}\"], "
                               "resources: [{}], verbs: [get, list]}}",
                               group, all.resources)});
  }
}

}  // namespace

void check_versions(const Facts& facts, Findings& out) {
  const std::size_t before = out.size();
  const std::string& text = facts.reading.server_version;
  const std::optional<Version> server = version(text);
  if (!server) {
    out.push_back({Code::VersionUnknown, "The version of the API server is not known"});
  } else if (*server < kLeast) {
    out.push_back({Code::KubernetesOld,
                   fmt::format("The API server is {}; Kerf needs Kubernetes 1.32 or later", text)});
  } else if (*server < kTolerationPolicy) {
    out.push_back({Code::TolerationsByHand,
                   fmt::format("The API server is {}: before 1.36 pods have to bring the "
                               "toleration of kerf.dev/slices themselves",
                               text)});
  }
  check_kubelets(facts, server, out);
  check_containerd(facts, out);
  const bool well =
      std::none_of(out.begin() + static_cast<std::ptrdiff_t>(before), out.end(),
                   [](const Finding& one) { return one.severity() < Severity::Note; });
  if (server && well) {
    out.push_back({Code::KubernetesReady, fmt::format("Kubernetes {}", text)});
  }
  const std::int64_t age = facts.now_ms - facts.reading.taken_ms;
  if (facts.now_ms != 0 && facts.reading.taken_ms != 0 && age > kOldMs) {
    out.push_back({Code::ReadingOld,
                   fmt::format("What was read is {} hours old: pods, nodes and prices have changed",
                               age / 3'600'000)});
  }
}

void check_rights(const Facts& facts, Findings& out) {
  tell_refused(facts, out);
  for (const codec::KindReading& one : facts.reading.kinds) {
    if (one.kind == nullptr || one.state != codec::KindState::Failed) continue;
    out.push_back(
        {Code::NotRead, fmt::format("{} could not be read ({}){}{}", one.kind->resource, one.why,
                                    one.kind->without.empty() ? "" : ": ", one.kind->without)});
  }
  if (!facts.reading.only_namespace.empty()) {
    out.push_back(
        {Code::OneNamespace,
         fmt::format("Pods of namespace {} only were read: who else is on the nodes is not known",
                     facts.reading.only_namespace),
         {},
         "ask for a ClusterRole with the rule {apiGroups: [\"\"], resources: [pods], verbs: [get, "
         "list]}"});
  }
  for (const codec::PricePage& page : facts.reading.pages) {
    if (page.why.empty()) continue;
    const std::size_t slash = page.pod.find('/');
    About pod{.kind = "Pod", .ns = "", .name = page.pod};
    if (slash != page.pod.npos) {
      pod.ns = page.pod.substr(0, slash);
      pod.name = page.pod.substr(slash + 1);
    }
    out.push_back({Code::PricePageRefused,
                   fmt::format("Metrics of {} could not be read ({})", page.pod, page.why),
                   {pod},
                   "ask for a Role in its namespace with the rule {apiGroups: [\"\"], resources: "
                   "[pods/proxy], verbs: [get]}, or save the page and give it with --prices"});
  }
}

}  // namespace kerf::doctor
