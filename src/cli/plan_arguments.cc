// Values of the options of `kerf plan`, strictly read: a typing error is never taken for a number.
#include "cli/plan_arguments.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "base/quantity.h"
#include "base/quote.h"
#include "cli/numbers.h"
#include "cli/suggest.h"

namespace kerf::cli {
namespace {

constexpr std::int64_t kReplicasMax = 1'000'000;
constexpr std::int64_t kOwnedMax = 100'000;      // nodes of one type; more than any account holds
constexpr std::int64_t kRootVolumeMax = 65'536;  // GiB; the largest EBS volume there is
constexpr double kHoursMax = static_cast<double>(kHoursPerMonth);

/// Digits with at most one point: no exponents, signs, "inf" or "nan".
Result<double> decimal(std::string_view what, std::string_view text, double most) {
  double value = 0;
  const bool plain = text.find_first_not_of("0123456789.") == text.npos;
  const auto [end, problem] =
      std::from_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
  if (!plain || problem != std::errc() || end != text.data() + text.size() || value > most) {
    return invalid(
        fmt::format("{}: expected a number from 0 to {}, got {}", what, most, quoted(text)));
  }
  return value;
}

/// "a,b" -> {"a", "b"}, without blanks around the items and without repetitions.
Result<std::vector<std::string>> list(std::string_view what, std::string_view text) {
  std::vector<std::string> items;
  while (true) {
    const std::size_t comma = std::min(text.find(','), text.size());
    std::string_view item = text.substr(0, comma);
    while (item.starts_with(' ')) item.remove_prefix(1);
    while (item.ends_with(' ')) item.remove_suffix(1);
    if (item.empty()) {
      return invalid(
          fmt::format("{}: an item of the list is empty; expected names separated by "
                      "commas",
                      what));
    }
    if (std::find(items.begin(), items.end(), item) == items.end()) items.emplace_back(item);
    if (comma == text.size()) return items;
    text.remove_prefix(comma + 1);
  }
}

/// "web=3" -> {"web", "3"}.
Result<std::pair<std::string, std::string>> name_and_value(std::string_view what,
                                                           const std::string& text,
                                                           std::string_view example) {
  const std::size_t equals = text.rfind('=');
  if (equals == std::string::npos || equals == 0 || equals + 1 == text.size()) {
    return invalid(
        fmt::format("{}: expected NAME=NUMBER such as {}, got {}", what, example, quoted(text)));
  }
  return std::pair(text.substr(0, equals), text.substr(equals + 1));
}

const std::vector<std::string>& values_of(const ParsedOptions& parsed, std::string_view name) {
  static const std::vector<std::string> none;
  const auto found = parsed.values.find(name);
  return found == parsed.values.end() ? none : found->second;
}

std::optional<std::string> text_of(const ParsedOptions& parsed, std::string_view name) {
  const std::string* value = parsed.value(name);
  return value == nullptr ? std::nullopt : std::optional(*value);
}

Result<void> read_overrides(const ParsedOptions& parsed, PlanArguments& out) {
  for (const std::string& text : values_of(parsed, "--replicas")) {
    KERF_TRY(const auto pair, name_and_value("--replicas", text, "web=3"));
    KERF_TRY(const std::int64_t count, integer("--replicas", pair.second, 0, kReplicasMax));
    if (!out.replicas.emplace(pair.first, count).second) {
      return invalid(fmt::format("--replicas: {} is given twice", quoted(pair.first)));
    }
  }
  if (const std::string* text = parsed.value("--jobs")) {
    out.jobs = *text == "apart"    ? plan::JobsOn::Apart
               : *text == "shared" ? plan::JobsOn::Shared
                                   : plan::JobsOn::Auto;
  }
  for (const std::string& text : values_of(parsed, "--hours")) {
    KERF_TRY(const auto pair, name_and_value("--hours", text, "nightly=60"));
    KERF_TRY(const double hours, decimal("--hours", pair.second, kHoursMax));
    if (!out.hours.emplace(pair.first, hours).second) {
      return invalid(fmt::format("--hours: {} is given twice", quoted(pair.first)));
    }
  }
  return {};
}

Result<market::CapacityType> capacity_type(std::string_view what, std::string_view text) {
  if (const auto type = market::parse_capacity_type(text)) return *type;
  return invalid(fmt::format("{}: {} is none of on-demand, spot, reserved{}", what, quoted(text),
                             did_you_mean(nearest(text, {"on-demand", "spot", "reserved"}))));
}

Result<void> read_discounts(const ParsedOptions& parsed, PlanArguments& out) {
  std::set<std::optional<market::CapacityType>> seen;
  for (const std::string& text : values_of(parsed, "--discount")) {
    Discount discount;
    std::string_view percent = text;
    if (const std::size_t equals = text.find('='); equals != std::string::npos) {
      KERF_TRY(discount.capacity, capacity_type("--discount", percent.substr(0, equals)));
      percent.remove_prefix(equals + 1);
    }
    if (percent.ends_with('%')) percent.remove_suffix(1);
    KERF_TRY(discount.percent, decimal("--discount", percent, 100));
    if (!seen.insert(discount.capacity).second) {
      return invalid(fmt::format(
          "--discount: two for {}",
          discount.capacity ? market::to_string(*discount.capacity) : "all capacity types"));
    }
    out.discounts.push_back(discount);
  }
  return {};
}

Result<void> read_owned(const ParsedOptions& parsed, PlanArguments& out) {
  for (const std::string& text : values_of(parsed, "--owned")) {
    KERF_TRY(const auto pair, name_and_value("--owned", text, "p4d.24xlarge=2"));
    KERF_TRY(const std::int64_t count, integer("--owned", pair.second, 1, kOwnedMax));
    if (!out.owned.emplace(pair.first, count).second)
      return invalid(fmt::format("--owned: {} is given twice", quoted(pair.first)));
  }
  out.owned_only = parsed.given("--owned-only");
  for (const char* name : {"--check", "--certificate", "--levers"})
    if (out.owned_only && parsed.given(name))
      return invalid(
          fmt::format("{} is about what a plan buys; with --owned-only it buys nothing", name));
  return {};
}

Result<void> read_lists(const ParsedOptions& parsed, PlanArguments& out) {
  if (const std::string* text = parsed.value("--types")) {
    KERF_TRY(out.types, list("--types", *text));
  }
  if (const std::string* text = parsed.value("--zones")) {
    KERF_TRY(out.zones, list("--zones", *text));
  }
  if (const std::string* text = parsed.value("--capacity-types")) {
    KERF_TRY(const std::vector<std::string> names, list("--capacity-types", *text));
    for (const std::string& name : names) {
      KERF_TRY(const market::CapacityType type, capacity_type("--capacity-types", name));
      out.capacity_types.push_back(type);
    }
  }
  return {};
}

Result<void> read_nodes(const ParsedOptions& parsed, PlanArguments& out) {
  if (const std::string* text = parsed.value("--daemonsets")) {
    const std::size_t comma = text->find(',');
    const std::string_view view = *text;
    const auto cpu = parse_quantity(view.substr(0, comma));
    const auto memory =
        parse_quantity(comma == std::string::npos ? std::string_view() : view.substr(comma + 1));
    if (!cpu || !memory) {
      return invalid(
          fmt::format("--daemonsets: expected CPU,MEMORY as Kubernetes writes them, such "
                      "as 800m,1Gi, got {}",
                      quoted(*text)));
    }
    Resources taken;
    KERF_TRY(taken.cpu_milli, to_milli_ceil(*cpu));
    KERF_TRY(taken.memory_mib, to_mib_ceil(*memory));
    constexpr std::int64_t kNodeCpuMilliMax = 1'000'000;  // no node has that; a size in bytes has
    if (taken.cpu_milli > kNodeCpuMilliMax) {
      return invalid(
          fmt::format("--daemonsets: more than 1,000 CPU of every node in {}; CPU comes "
                      "first, then memory: 800m,1Gi",
                      quoted(*text)));
    }
    out.daemonsets = taken;
  }
  if (const std::string* text = parsed.value("--root-volume")) {
    KERF_TRY(out.root_volume_gib, integer("--root-volume", *text, 1, kRootVolumeMax));
  }
  return {};
}

Result<void> read_output(const ParsedOptions& parsed, PlanArguments& out) {
  if (const std::string* text = parsed.value("--output")) {
    out.output = *text == "json" ? OutputFormat::Json : OutputFormat::Table;
  }
  if (const std::string* text = parsed.value("--color")) {
    out.colour = *text == "always"  ? ColourWhen::Always
                 : *text == "never" ? ColourWhen::Never
                                    : ColourWhen::Auto;
  }
  out.output_file = text_of(parsed, "--output-file");
  out.certificate = text_of(parsed, "--certificate");
  out.check = parsed.given("--check");
  out.levers = parsed.given("--levers");
  out.all = parsed.given("--all");
  out.ascii = parsed.given("--ascii");
  out.quiet = parsed.given("--quiet");
  if (const std::string* text = parsed.value("--effort")) out.effort = text->front() - '0';
  return {};
}

/// What is about a cluster, and what excludes one.
Result<void> read_cluster_options(const ParsedOptions& parsed, PlanArguments& out) {
  out.snapshot = text_of(parsed, "--snapshot");
  out.kubeconfig = text_of(parsed, "--kubeconfig");
  out.context = text_of(parsed, "--context");
  out.ns = text_of(parsed, "--namespace");
  out.selector = text_of(parsed, "--selector");
  out.gpu = text_of(parsed, "--gpu").value_or("");
  if (out.snapshot) {
    for (const char* name : {"--kubeconfig", "--context"})
      if (parsed.given(name))
        return invalid(fmt::format("{} names a live cluster: leave it or --snapshot out", name));
    if (!out.paths.empty() || out.trace)
      return invalid("--snapshot is planned alone: leave the other input out");
  }
  if (out.reads_cluster()) {
    for (const char* name : {"--hours", "--jobs"})
      if (parsed.given(name))
        return invalid(fmt::format(
            "{} is about workloads in manifests; the pods of a cluster are planned as they run",
            name));
    return {};
  }
  for (const char* name : {"--kubeconfig", "--context", "--namespace", "--selector", "--gpu"})
    if (parsed.given(name))
      return invalid(fmt::format("{} is about a cluster: leave {} out to read one", name,
                                 out.trace ? "--trace" : quoted(out.paths.front())));
  return {};
}

Result<void> read_input(const ParsedOptions& parsed, PlanArguments& out) {
  out.paths = parsed.arguments;
  out.trace = text_of(parsed, "--trace");
  KERF_CHECK_OK(read_cluster_options(parsed, out));
  if (const std::string* text = parsed.value("--map")) {
    out.map = *text == "nearest" ? codec::TraceMap::Nearest
              : *text == "share" ? codec::TraceMap::Share
              : *text == "whole" ? codec::TraceMap::Whole
                                 : codec::TraceMap::Memory;
  }
  out.reference_gpu = text_of(parsed, "--reference-gpu").value_or("");
  if (!out.trace) {
    for (const char* name : {"--map", "--reference-gpu"}) {
      if (parsed.given(name))
        return invalid(fmt::format("{} is about a trace: give --trace", name));
    }
    return read_overrides(parsed, out);
  }
  if (!out.paths.empty()) {
    return invalid(fmt::format("--trace is planned alone: leave {} out, or leave --trace out",
                               quoted(out.paths.front())));
  }
  for (const char* name : {"--replicas", "--hours", "--jobs"}) {
    if (parsed.given(name)) {
      return invalid(fmt::format("{} is about workloads in manifests, and a trace has none", name));
    }
  }
  const bool share = out.map == codec::TraceMap::Share;
  if (share && out.reference_gpu.empty()) {
    return invalid("--map share needs --reference-gpu MODEL, the GPU whose parts the trace means");
  }
  if (!share && !out.reference_gpu.empty()) {
    return invalid("--reference-gpu is used by --map share only");
  }
  return {};
}

}  // namespace

Result<PlanArguments> read_plan_arguments(const ParsedOptions& parsed) {
  PlanArguments out;
  KERF_CHECK_OK(read_input(parsed, out));
  out.region = text_of(parsed, "--region");
  out.price_region = text_of(parsed, "--price-region");
  out.prices = text_of(parsed, "--prices");
  out.policy = text_of(parsed, "--policy");
  KERF_CHECK_OK(read_discounts(parsed, out));
  KERF_CHECK_OK(read_owned(parsed, out));
  KERF_CHECK_OK(read_lists(parsed, out));
  KERF_CHECK_OK(read_nodes(parsed, out));
  KERF_CHECK_OK(read_output(parsed, out));
  const bool from_stdin = std::find(out.paths.begin(), out.paths.end(), "-") != out.paths.end();
  const int readers = (from_stdin ? 1 : 0) + (out.trace == "-" ? 1 : 0) +
                      (out.prices == "-" ? 1 : 0) + (out.policy == "-" ? 1 : 0) +
                      (out.snapshot == "-" ? 1 : 0);
  if (readers > 1) return invalid("- (standard input) can be given once");
  return out;
}

}  // namespace kerf::cli
