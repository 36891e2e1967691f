// Metrics: prometheus-cpp's registry, and beside it the families that are computed at each scrape.
#include "shell/telemetry/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <set>

#include "base/assert.h"
#include "base/quote.h"

namespace kerf::telemetry {
namespace {

using SortedLabels = std::map<std::string, std::string>;

bool is_name(std::string_view name, bool colons) {
  if (name.empty()) return false;
  for (std::size_t i = 0; i < name.size(); ++i) {
    const char c = name[i];
    const bool letter =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (c == ':' && colons);
    const bool digit = c >= '0' && c <= '9';
    if (!letter && !(digit && i > 0)) return false;
  }
  return true;
}

std::string valid_utf8(std::string_view text) {
  std::string result;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = utf8_length(text, at);
    if (length == 0) result += "\xef\xbf\xbd";
    else result += text.substr(at, length);
    at += std::max<std::size_t>(length, 1);
  }
  return result;
}

SortedLabels sorted(const Labels& labels) {
  SortedLabels result;
  for (const auto& [name, value] : labels) {
    KERF_ASSERT(is_label_name(name), "a label has a valid name");
    const bool added = result.emplace(name, valid_utf8(value)).second;
    KERF_ASSERT(added, "labels of a series have distinct names");
  }
  return result;
}

std::vector<prometheus::ClientMetric::Label> library_labels(const SortedLabels& labels) {
  std::vector<prometheus::ClientMetric::Label> result;
  result.reserve(labels.size());
  for (const auto& [name, value] : labels) result.push_back({name, value});
  return result;
}

/// The library writes "Nan", the format says NaN.
void correct_nan(std::string& page) {
  constexpr std::string_view kWrong = " Nan\n";
  for (std::size_t at = page.find(kWrong); at != std::string::npos;
       at = page.find(kWrong, at + 1)) {
    const std::size_t line = page.rfind('\n', at) + 1;  // npos + 1 is 0
    if (page[line] != '#') page[at + 3] = 'N';
  }
}

enum class Kind { Counter, Gauge, Histogram, CounterFunction, GaugeFunction, Replaced };

bool is_counter(Kind kind) { return kind == Kind::Counter || kind == Kind::CounterFunction; }

/// A family that the registry does not have.
struct Computed {
  std::map<SortedLabels, std::function<double()>> functions;
  std::map<SortedLabels, double> values;
};

}  // namespace

bool is_metric_name(std::string_view name) { return is_name(name, true); }

bool is_label_name(std::string_view name) {
  return is_name(name, false) && !name.starts_with("__") && name != "le";
}

struct Metrics::Impl {
  struct Known {
    Kind kind;
    std::string help;
    std::vector<double> buckets;
  };

  void know(const std::string& name, const std::string& help, Kind kind,
            const std::vector<double>& buckets = {});
  void add_function(const std::string& name, const std::string& help, Kind kind,
                    std::function<double()> function, const Labels& labels);

  mutable std::mutex mutex;  // guards all
  prometheus::Registry registry;
  std::map<std::string, Known> known;
  std::map<std::string, Computed> computed;
};

void Metrics::Impl::know(const std::string& name, const std::string& help, Kind kind,
                         const std::vector<double>& buckets) {
  KERF_ASSERT(is_metric_name(name), "a family has a valid name");
  KERF_ASSERT(!help.empty() && help.find_first_of("\n\r\\") == std::string::npos &&
                  valid_utf8(help) == help,
              "a family has a help text of one line");
  KERF_ASSERT(is_counter(kind) == name.ends_with("_total"), "\"_total\" ends a counter's name");
  KERF_ASSERT(!name.ends_with("_bucket") && !name.ends_with("_count") && !name.ends_with("_sum"),
              "a name does not look like a part of a histogram");
  const auto [found, is_new] = known.try_emplace(name, Known{kind, help, buckets});
  KERF_ASSERT(is_new || (found->second.kind == kind && found->second.help == help &&
                         found->second.buckets == buckets),
              "a family has one kind, one help text and one list of buckets");
}

void Metrics::Impl::add_function(const std::string& name, const std::string& help, Kind kind,
                                 std::function<double()> function, const Labels& labels) {
  const std::lock_guard lock(mutex);
  know(name, help, kind);
  computed[name].functions.insert_or_assign(sorted(labels), std::move(function));
}

void Counter::add(double by) {
  if (by > 0) series_->Increment(by);
}
double Counter::value() const { return series_->Value(); }
void Gauge::set(double value) { series_->Set(value); }
void Gauge::add(double by) { series_->Increment(by); }
double Gauge::value() const { return series_->Value(); }
void Histogram::observe(double value) { series_->Observe(value); }

Metrics::Metrics() : impl_(std::make_unique<Impl>()) {}
Metrics::~Metrics() = default;

std::vector<double> Metrics::seconds_buckets() {
  return {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60};
}

Counter Metrics::counter(const std::string& name, const std::string& help, const Labels& labels) {
  const std::lock_guard lock(impl_->mutex);
  impl_->know(name, help, Kind::Counter);
  auto& family = prometheus::BuildCounter().Name(name).Help(help).Register(impl_->registry);
  return Counter(&family.Add(sorted(labels)));
}

Gauge Metrics::gauge(const std::string& name, const std::string& help, const Labels& labels) {
  const std::lock_guard lock(impl_->mutex);
  impl_->know(name, help, Kind::Gauge);
  auto& family = prometheus::BuildGauge().Name(name).Help(help).Register(impl_->registry);
  return Gauge(&family.Add(sorted(labels)));
}

Histogram Metrics::histogram(const std::string& name, const std::string& help,
                             const std::vector<double>& buckets, const Labels& labels) {
  KERF_ASSERT(std::adjacent_find(buckets.begin(), buckets.end(),
                                 [](double a, double b) { return !(a < b); }) == buckets.end(),
              "buckets rise");
  const std::lock_guard lock(impl_->mutex);
  impl_->know(name, help, Kind::Histogram, buckets);
  auto& family = prometheus::BuildHistogram().Name(name).Help(help).Register(impl_->registry);
  return Histogram(&family.Add(sorted(labels), buckets));
}

void Metrics::gauge_function(const std::string& name, const std::string& help,
                             std::function<double()> function, const Labels& labels) {
  impl_->add_function(name, help, Kind::GaugeFunction, std::move(function), labels);
}

void Metrics::counter_function(const std::string& name, const std::string& help,
                               std::function<double()> function, const Labels& labels) {
  impl_->add_function(name, help, Kind::CounterFunction, std::move(function), labels);
}

void Metrics::replace_gauges(const std::string& name, const std::string& help,
                             std::vector<Series> series) {
  std::map<SortedLabels, double> values;
  for (const Series& s : series) {
    const bool added = values.emplace(sorted(s.labels), s.value).second;
    KERF_ASSERT(added, "series of a family have distinct labels");
  }
  const std::lock_guard lock(impl_->mutex);
  impl_->know(name, help, Kind::Replaced);
  impl_->computed[name].values = std::move(values);
}

std::string Metrics::text() const {
  const std::lock_guard lock(impl_->mutex);
  std::vector<prometheus::MetricFamily> page = impl_->registry.Collect();
  for (const auto& [name, computed] : impl_->computed) {
    const Impl::Known& known = impl_->known.at(name);
    const bool counts = is_counter(known.kind);
    prometheus::MetricFamily& family = page.emplace_back();
    family.name = name;
    family.help = known.help;
    family.type = counts ? prometheus::MetricType::Counter : prometheus::MetricType::Gauge;
    const auto add = [&](const SortedLabels& labels, double value) {
      prometheus::ClientMetric& metric = family.metric.emplace_back();
      metric.label = library_labels(labels);
      (counts ? metric.counter.value : metric.gauge.value) = value;
    };
    for (const auto& [labels, function] : computed.functions) add(labels, function());
    for (const auto& [labels, value] : computed.values) add(labels, value);
  }
  std::erase_if(page, [](const auto& family) { return family.metric.empty(); });
  std::sort(page.begin(), page.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  for (prometheus::MetricFamily& family : page) {
    std::sort(family.metric.begin(), family.metric.end(),
              [](const auto& a, const auto& b) { return a.label < b.label; });
  }
  std::string text = prometheus::TextSerializer().Serialize(page);
  correct_nan(text);
  return text;
}

}  // namespace kerf::telemetry
