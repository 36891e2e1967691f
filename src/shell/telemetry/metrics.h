// Metrics: what a program counts and measures, and the page that Prometheus reads.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace prometheus {
class Counter;
class Gauge;
class Histogram;
}  // namespace prometheus

namespace kerf::telemetry {

/// Names [a-zA-Z_][a-zA-Z0-9_]*, distinct, not "__..." nor "le"; values are any text (bytes that
/// are not UTF-8 become U+FFFD). The order does not matter.
using Labels = std::vector<std::pair<std::string, std::string>>;

/// Handles of one series: cheap to copy, valid as long as the Metrics, usable from any thread.
class Counter {
 public:
  void add(double by = 1);  ///< a negative or NaN `by` is ignored
  double value() const;

 private:
  friend class Metrics;
  explicit Counter(prometheus::Counter* series) : series_(series) {}
  prometheus::Counter* series_;
};

class Gauge {
 public:
  void set(double value);
  void add(double by);
  double value() const;

 private:
  friend class Metrics;
  explicit Gauge(prometheus::Gauge* series) : series_(series) {}
  prometheus::Gauge* series_;
};

class Histogram {
 public:
  void observe(double value);

 private:
  friend class Metrics;
  explicit Histogram(prometheus::Histogram* series) : series_(series) {}
  prometheus::Histogram* series_;
};

/// One value of a family.
struct Series {
  Labels labels;
  double value = 0;
};

/// A registry. A family has a name ([a-zA-Z_:][a-zA-Z0-9_:]*), a help text (one line, no
/// backslash), and series that differ in labels. The same name and labels give the same series
/// again. What is wrong with names (not valid, two kinds, two help texts, a counter that does not
/// end in "_total", buckets that do not rise) is a bug and asserted.
///
/// All members may be called from any thread.
class Metrics {
 public:
  /// Seconds, from 1 ms to a minute: what calls to driver, kubelet and API server take.
  static std::vector<double> seconds_buckets();
  /// Of the HTTP answer that carries text().
  static constexpr std::string_view kContentType = "text/plain; version=0.0.4; charset=utf-8";

  Metrics();
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  Counter counter(const std::string& name, const std::string& help, const Labels& labels = {});
  Gauge gauge(const std::string& name, const std::string& help, const Labels& labels = {});
  /// `buckets` are upper bounds, inclusive, rising; +Inf is added.
  Histogram histogram(const std::string& name, const std::string& help,
                      const std::vector<double>& buckets, const Labels& labels = {});

  /// `function` is called by each text(), on that thread and under the registry's lock: it must be
  /// quick, not throw, and not call the Metrics. The same name and labels: replaced.
  void gauge_function(const std::string& name, const std::string& help,
                      std::function<double()> function, const Labels& labels = {});
  /// The same for something that only grows; the name ends in "_total".
  void counter_function(const std::string& name, const std::string& help,
                        std::function<double()> function, const Labels& labels = {});

  /// The family has these gauges from now on and no others: label sets that are not among them
  /// disappear. Label sets are distinct. Without any the family is not on the page. A name given
  /// here is used here only.
  void replace_gauges(const std::string& name, const std::string& help, std::vector<Series> series);

  /// The page, text exposition format 0.0.4: families by name, series by labels.
  std::string text() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// True if `name` may name a family, or a label.
bool is_metric_name(std::string_view name);
bool is_label_name(std::string_view name);

/// Adds what Prometheus expects of every process: process_cpu_seconds_total,
/// process_resident_memory_bytes, process_virtual_memory_bytes, process_open_fds, process_max_fds,
/// process_start_time_seconds, process_threads; read from /proc at each scrape.
void add_process_metrics(Metrics& metrics);

}  // namespace kerf::telemetry
