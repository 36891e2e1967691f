// Checks of the controller's fields of a SlicePolicy: type, form and bounds.
#include "codec/policy_control.h"

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "base/quote.h"
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

/// Go's form: "90s", "1h30m", "0.5h".
bool is_duration(std::string_view text) {
  if (text.empty() || text.size() > 32) return false;
  while (!text.empty()) {
    const std::size_t number = std::min(text.find_first_not_of("0123456789."), text.size());
    const std::string_view digits = text.substr(0, number);
    const bool one_point = std::count(digits.begin(), digits.end(), '.') <= 1;
    if (digits.empty() || digits.front() == '.' || digits.back() == '.' || !one_point) return false;
    text.remove_prefix(number);
    if (!text.starts_with('h') && !text.starts_with('m') && !text.starts_with('s')) return false;
    text.remove_prefix(1);
  }
  return true;
}

Result<void> check_duration(const Field& field) {
  KERF_TRY(const std::string text, field.text());
  if (is_duration(text)) return {};
  return field.wrong(quoted(text) + "; expected a duration such as 30m or 1h30m");
}

/// Five fields of cron, or one of its names. The controller works out what they mean.
Result<void> check_schedule(const Field& field) {
  KERF_TRY(const std::string text, field.text());
  constexpr std::string_view kNames[] = {"@hourly", "@daily", "@weekly", "@monthly", "@yearly"};
  if (std::find(std::begin(kNames), std::end(kNames), text) != std::end(kNames)) return {};
  constexpr std::string_view kAllowed =
      "0123456789*/,-abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ ";
  int fields = 0;
  bool blank = true;
  for (const char c : text) {
    fields += blank && c != ' ' ? 1 : 0;
    blank = c == ' ';
  }
  if (fields == 5 && text.find_first_not_of(kAllowed) == std::string::npos) return {};
  return field.wrong(quoted(text) +
                     "; expected five fields of cron (minute hour day month "
                     "weekday), such as \"0 20 * * mon-fri\", or @daily");
}

Result<void> check_window(const Field& window) {
  return window.object({{"schedule", check_schedule, true}, {"duration", check_duration, true}});
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

Result<void> check_count(const Field& field) { return checked(field.integer(1, kCountMax)); }

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

Result<void> check_selector(const Field& selector) {
  return selector.object(
      {{"namespaces",
        [](const Field& f) { return checked(f.texts(kEntriesMax, check_object_name)); }},
       {"podLabels", [](const Field& f) { return checked(f.labels(kEntriesMax)); }}});
}

Result<void> check_node_classes(const Field& node_classes) {
  return node_classes.object({{"cut", check_object_name}, {"whole", check_object_name}});
}

Result<void> check_budgets(const Field& budgets) {
  KERF_TRY(const std::vector<Field> entries, budgets.items(kEntriesMax));
  std::set<std::string_view> namespaces;
  for (const Field& entry : entries) {
    KERF_CHECK_OK(
        entry.object({{"namespace", check_object_name, true},
                      {"usdPerHour", [](const Field& f) { return checked(f.usd_per_hour()); }},
                      {"gpus", [](const Field& f) { return checked(f.integer(0, kCountMax)); }}}));
    if (!namespaces.insert(entry.node().find("namespace")->text).second) {
      return entry.wrong("the namespace has a budget already");
    }
    const auto given = [&entry](std::string_view name) {
      const Node* node = entry.node().find(name);
      return node != nullptr && !node->is_null();
    };
    if (!given("usdPerHour") && !given("gpus")) {
      return entry.wrong("a budget of nothing; give usdPerHour, gpus or both");
    }
  }
  return {};
}

Result<void> check_warm(const Field& warm, const gpu::Catalogue& gpus) {
  KERF_TRY(const std::vector<Field> entries, warm.items(kEntriesMax));
  const auto check_resource = [&gpus](const Field& field) -> Result<void> {
    KERF_TRY(const std::string name, field.text());
    const auto request = parse_gpu_resource(name, 1, gpus);
    if (!request) return field.wrong(request.error());
    return {};
  };
  for (const Field& entry : entries) {
    KERF_CHECK_OK(entry.object({{"resource", check_resource, true}, {"count", check_count, true}}));
  }
  return {};
}

Result<void> check_consolidation(const Field& consolidation) {
  const auto check_windows = [](const Field& windows) -> Result<void> {
    KERF_TRY(const std::vector<Field> entries, windows.items(kEntriesMax));
    for (const Field& entry : entries) KERF_CHECK_OK(check_window(entry));
    return {};
  };
  return consolidation.object(
      {{"leastSavingUsdPerHour", [](const Field& f) { return checked(f.usd_per_hour()); }},
       {"coolDown", check_duration},
       {"movesPerHour", [](const Field& f) { return checked(f.integer(0, kCountMax)); }},
       {"windows", check_windows}});
}

Result<void> check_usage(const Field& usage) {
  return usage.object({{"prometheusURL", check_url}});
}

Result<void> check_buys_for(const Field& buys_for, const gpu::Catalogue& gpus) {
  const auto check_name = [&gpus](const Field& field) -> Result<void> {
    const std::string& name = field.node().text;
    if (name == "nvidia.com/mig-*" || name == "kerf.dev/*") return {};
    const auto request = parse_gpu_resource(name, 1, gpus);
    if (!request) return field.wrong(request.error());
    return {};
  };
  return checked(buys_for.texts(kEntriesMax, check_name));
}

}  // namespace kerf::codec
