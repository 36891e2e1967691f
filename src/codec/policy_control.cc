// The controller's fields of a SlicePolicy: type, form and bounds.
#include "codec/policy_control.h"

#include <algorithm>
#include <string>
#include <vector>

#include "base/quote.h"
#include "codec/cron.h"
#include "codec/duration.h"
#include "codec/gpu_request.h"

namespace kerf::codec {
namespace {

constexpr std::size_t kEntriesMax = 1'000;
constexpr std::int64_t kCountMax = 1'000'000;

Result<void> check_object_name(const Field& field) {
  KERF_TRY(const std::string name, field.text());
  if (is_object_name(name)) return {};
  return field.wrong(quoted(name) +
                     " is no Kubernetes name; expected lower-case letters, digits, "
                     "'-' and '.'");
}

/// Any value: written by the API server or for people, nothing that Kerf reads.
Result<void> ignore(const Field&) { return {}; }

Result<void> read_schedule(const Field& field, control::Window& window) {
  KERF_TRY(const std::string text, field.text());
  Result<std::vector<std::int32_t>> opens = weekly_minutes(text);
  if (!opens) return field.wrong(opens.error());
  window.opens = *std::move(opens);
  return {};
}

Result<control::Window> read_window(const Field& field) {
  control::Window window;
  KERF_CHECK_OK(field.object(
      {{"schedule", [&](const Field& f) { return read_schedule(f, window); }, true},
       {"duration", [&](const Field& f) { return store(duration_ms(f), window.duration_ms); },
        true}}));
  return window;
}

Result<void> check_url(const Field& field) {
  KERF_TRY(const std::string url, field.text(2048));
  const std::size_t scheme = url.starts_with("http://") ? 7 : url.starts_with("https://") ? 8 : 0;
  const bool plain =
      std::all_of(url.begin(), url.end(), [](char c) { return c > 0x20 && c < 0x7f; });
  if (scheme == 0 || url.size() == scheme || url[scheme] == '/' || !plain) {
    return field.wrong(quoted(url) + "; expected http://host:port or https://...");
  }
  if (url.substr(scheme, url.find('/', scheme) - scheme).find('@') != std::string::npos) {
    return field.wrong("a user name or password in the URL; policies are no place for secrets");
  }
  return {};
}

}  // namespace

Result<void> check_metadata(const Field& metadata) {
  const auto cluster_scoped = [](const Field& field) -> Result<void> {
    return field.wrong("a SlicePolicy is cluster-scoped; take the namespace out");
  };
  return metadata.object({{"name", check_object_name, true},
                          {"namespace", cluster_scoped},
                          {"labels", [](const Field& f) { return checked(f.labels(kEntriesMax)); }},
                          {"annotations", ignore},
                          {"uid", ignore},
                          {"resourceVersion", ignore},
                          {"generation", ignore},
                          {"creationTimestamp", ignore},
                          {"deletionTimestamp", ignore},
                          {"deletionGracePeriodSeconds", ignore},
                          {"finalizers", ignore},
                          {"managedFields", ignore},
                          {"ownerReferences", ignore},
                          {"selfLink", ignore}});
}

Result<void> read_selector(const Field& selector, control::SlicePolicy& policy) {
  return selector.object(
      {{"namespaces",
        [&](const Field& f) {
          return store(f.texts(kEntriesMax, check_object_name), policy.namespaces);
        }},
       {"podLabels",
        [&](const Field& f) { return store(f.labels(kEntriesMax), policy.pod_labels); }}});
}

Result<void> read_node_classes(const Field& node_classes, control::SlicePolicy& policy) {
  const auto name = [](std::string& into) {
    return [&into](const Field& field) -> Result<void> {
      KERF_CHECK_OK(check_object_name(field));
      into = field.node().text;
      return {};
    };
  };
  return node_classes.object(
      {{"cut", name(policy.node_class_cut)}, {"whole", name(policy.node_class_whole)}});
}

Result<void> read_budgets(const Field& budgets, control::SlicePolicy& policy) {
  KERF_TRY(const std::vector<Field> entries, budgets.items(kEntriesMax));
  for (const Field& entry : entries) {
    control::NamespaceBudget budget;
    KERF_CHECK_OK(entry.object(
        {{"namespace", check_object_name, true},
         {"usdPerHour", [&](const Field& f) { return store(f.usd_per_hour(), budget.per_hour); }},
         {"gpus", [&](const Field& f) { return store(f.integer(0, kCountMax), budget.gpus); }}}));
    const std::string& ns = entry.node().find("namespace")->text;
    if (!policy.budgets.emplace(ns, budget).second) {
      return entry.wrong("the namespace has a budget already");
    }
    if (!budget.per_hour && !budget.gpus) {
      return entry.wrong("a budget of nothing; give usdPerHour, gpus or both");
    }
  }
  return {};
}

Result<void> read_warm(const Field& warm, const gpu::Catalogue& gpus,
                       control::SlicePolicy& policy) {
  KERF_TRY(const std::vector<Field> entries, warm.items(kEntriesMax));
  for (const Field& entry : entries) {
    control::Warm kept;
    const auto read_resource = [&](const Field& field) -> Result<void> {
      KERF_TRY(const std::string name, field.text());
      Result<cluster::GpuRequest> request = parse_gpu_resource(name, 1, gpus);
      if (!request) return field.wrong(request.error());
      kept.request = *std::move(request);
      return {};
    };
    KERF_CHECK_OK(entry.object(
        {{"resource", read_resource, true},
         {"count", [&](const Field& f) { return store(f.integer(1, kCountMax), kept.count); },
          true}}));
    policy.warm.push_back(std::move(kept));
  }
  return {};
}

Result<void> read_consolidation(const Field& consolidation, control::SlicePolicy& policy) {
  control::Consolidation& into = policy.consolidation;
  const auto read_windows = [&](const Field& windows) -> Result<void> {
    KERF_TRY(const std::vector<Field> entries, windows.items(kEntriesMax));
    for (const Field& entry : entries) {
      KERF_TRY(control::Window window, read_window(entry));
      into.windows.push_back(std::move(window));
    }
    return {};
  };
  return consolidation.object(
      {{"leastSavingUsdPerHour",
        [&](const Field& f) { return store(f.usd_per_hour(), into.least_saving); }},
       {"coolDown", [&](const Field& f) { return store(duration_ms(f), into.cool_down_ms); }},
       {"movesPerHour",
        [&](const Field& f) { return store(f.integer(0, kCountMax), into.moves_per_hour); }},
       {"windows", read_windows}});
}

Result<void> check_usage(const Field& usage) {
  return usage.object({{"prometheusURL", check_url}});
}

Result<void> read_buys_for(const Field& buys_for, const gpu::Catalogue& gpus,
                           control::SlicePolicy& policy) {
  const auto check_name = [&gpus](const Field& field) -> Result<void> {
    const std::string& name = field.node().text;
    if (name == "nvidia.com/mig-*" || name == "kerf.dev/*") return {};
    const auto request = parse_gpu_resource(name, 1, gpus);
    if (!request) return field.wrong(request.error());
    return {};
  };
  return store(buys_for.texts(kEntriesMax, check_name), policy.buys_for);
}

}  // namespace kerf::codec
