// Metrics: the page is what Prometheus reads, and families change as they are told to.
#include "shell/telemetry/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <set>
#include <sstream>
#include <thread>

#include "codec/prometheus.h"

namespace kerf::telemetry {
namespace {

using testing::HasSubstr;
using testing::Not;

/// What promtool would look for: every family has HELP, then TYPE, then its samples, once; no
/// sample comes twice; a histogram's buckets rise up to its count, and end with +Inf. Returns the
/// samples by name and labels.
std::map<std::string, double> checked(const std::string& page) {
  std::map<std::string, double> samples;
  std::set<std::string> families;
  std::string family;
  std::string type;
  std::istringstream lines(page);
  std::map<std::string, double> last_bucket;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string hash, what, name;
    words >> hash >> what >> name;
    if (what == "HELP" && hash == "#") {
      EXPECT_TRUE(families.insert(name).second) << "twice: " << name;
      family = name;
      type.clear();
      continue;
    }
    if (what == "TYPE" && hash == "#") {
      EXPECT_EQ(name, family);
      words >> type;
      EXPECT_EQ(type == "counter", name.ends_with("_total")) << name;
      continue;
    }
    EXPECT_FALSE(type.empty()) << "a sample before HELP and TYPE: " << line;
    codec::PrometheusReader reader(line, "page");
    codec::Sample sample;
    const auto read = reader.next(sample);
    EXPECT_TRUE(read && *read) << line;
    if (!read || !*read) continue;
    std::string key(sample.name);
    std::string bound;
    for (const auto& [label, value] : sample.labels) {
      if (label == "le") bound = value;
      key += "," + std::string(label) + "=" + value;
    }
    const double value = std::strtod(std::string(sample.value).c_str(), nullptr);
    EXPECT_TRUE(samples.emplace(key, value).second) << "twice: " << key;
    if (type == "histogram") {
      EXPECT_TRUE(sample.name == family + "_bucket" || sample.name == family + "_sum" ||
                  sample.name == family + "_count");
      if (!bound.empty()) {
        const std::string series = key.substr(0, key.find(",le="));
        EXPECT_GE(value, last_bucket[series]) << line;
        last_bucket[series] = value;
      }
    } else {
      EXPECT_EQ(sample.name, family);
    }
  }
  return samples;
}

TEST(Metrics, TellsCountersGaugesAndHistograms) {
  Metrics metrics;
  Counter cuts = metrics.counter("kerf_cuts_total", "Cuts done.", {{"outcome", "done"}});
  cuts.add();
  cuts.add(2);
  cuts.add(-5);
  cuts.add(std::nan(""));
  EXPECT_EQ(cuts.value(), 3);
  Gauge gpus = metrics.gauge("kerf_gpus", "GPUs of the node.");
  gpus.set(8);
  gpus.add(-1);
  EXPECT_EQ(gpus.value(), 7);
  Histogram took = metrics.histogram("kerf_cut_seconds", "How long cuts take.", {0.1, 1});
  for (const double seconds : {0.05, 0.1, 0.5, 1.0, 7.0}) took.observe(seconds);
  EXPECT_EQ(metrics.text(),
            "# HELP kerf_cut_seconds How long cuts take.\n"
            "# TYPE kerf_cut_seconds histogram\n"
            "kerf_cut_seconds_count 5\n"
            "kerf_cut_seconds_sum 8.65\n"
            "kerf_cut_seconds_bucket{le=\"0.1\"} 2\n"
            "kerf_cut_seconds_bucket{le=\"1\"} 4\n"
            "kerf_cut_seconds_bucket{le=\"+Inf\"} 5\n"
            "# HELP kerf_cuts_total Cuts done.\n"
            "# TYPE kerf_cuts_total counter\n"
            "kerf_cuts_total{outcome=\"done\"} 3\n"
            "# HELP kerf_gpus GPUs of the node.\n"
            "# TYPE kerf_gpus gauge\n"
            "kerf_gpus 7\n");
  checked(metrics.text());
}

TEST(Metrics, GivesTheSameSeriesAgain) {
  Metrics metrics;
  metrics.counter("a_total", "A.", {{"x", "1"}, {"y", "2"}}).add();
  metrics.counter("a_total", "A.", {{"y", "2"}, {"x", "1"}}).add();
  metrics.counter("a_total", "A.", {{"x", "1"}}).add();
  const auto samples = checked(metrics.text());
  EXPECT_EQ(samples.at("a_total,x=1,y=2"), 2);
  EXPECT_EQ(samples.at("a_total,x=1"), 1);
}

TEST(Metrics, EscapesLabelValues) {
  Metrics metrics;
  metrics.gauge("g", "G.", {{"v", "a\"b\\c\nd"}}).set(1);
  metrics.gauge("g", "G.", {{"v", "\xff\xc3\xa4"}}).set(2);
  const auto samples = checked(metrics.text());
  EXPECT_EQ(samples.at("g,v=a\"b\\c\nd"), 1);
  EXPECT_EQ(samples.at("g,v=\xef\xbf\xbd\xc3\xa4"), 2);
}

TEST(Metrics, TellsNumbersThatAreNone) {
  Metrics metrics;
  metrics.gauge("g", "G.", {{"v", "nan"}}).set(std::nan(""));
  metrics.gauge("g", "G.", {{"v", "inf"}}).set(INFINITY);
  metrics.gauge("g", "G.", {{"v", "minus"}}).set(-INFINITY);
  metrics.gauge("g", "G.", {{"v", "exact"}}).set(123456789012345.0);
  const auto samples = checked(metrics.text());
  EXPECT_TRUE(std::isnan(samples.at("g,v=nan")));
  EXPECT_EQ(samples.at("g,v=inf"), INFINITY);
  EXPECT_EQ(samples.at("g,v=minus"), -INFINITY);
  EXPECT_EQ(samples.at("g,v=exact"), 123456789012345.0);
}

TEST(Metrics, AsksFunctionsAtEachScrape) {
  Metrics metrics;
  double value = 1;
  metrics.gauge_function("g", "G.", [&] { return value; }, {{"a", "b"}});
  metrics.counter_function("c_total", "C.", [&] { return value * 10; });
  EXPECT_EQ(checked(metrics.text()).at("g,a=b"), 1);
  value = 2;
  const auto samples = checked(metrics.text());
  EXPECT_EQ(samples.at("g,a=b"), 2);
  EXPECT_EQ(samples.at("c_total"), 20);
  metrics.gauge_function("g", "G.", [] { return 7.0; }, {{"a", "b"}});
  EXPECT_EQ(checked(metrics.text()).at("g,a=b"), 7);
}

TEST(Metrics, ReplacesAFamilyAsAWhole) {
  Metrics metrics;
  const auto slices = [&](std::vector<Series> series) {
    metrics.replace_gauges("kerf_slices", "Slices by profile and state.", std::move(series));
  };
  slices({{{{"profile", "1g.10gb"}, {"state", "Free"}}, 3},
          {{{"state", "Used"}, {"profile", "1g.10gb"}}, 4}});
  auto samples = checked(metrics.text());
  EXPECT_EQ(samples.size(), 2u);
  EXPECT_EQ(samples.at("kerf_slices,profile=1g.10gb,state=Used"), 4);
  slices({{{{"profile", "3g.40gb"}, {"state", "Free"}}, 1}});
  samples = checked(metrics.text());
  EXPECT_EQ(samples.size(), 1u);
  EXPECT_EQ(samples.at("kerf_slices,profile=3g.40gb,state=Free"), 1);
  slices({});
  EXPECT_EQ(metrics.text(), "");
}

TEST(Metrics, MayBeUsedByManyThreads) {
  Metrics metrics;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&metrics, t] {
      Counter counter = metrics.counter("a_total", "A.", {{"t", std::to_string(t % 2)}});
      for (int i = 0; i < 200; ++i) {
        counter.add();
        metrics.replace_gauges("g", "G.", {{{{"i", std::to_string(i)}}, 1.0 * t}});
        if (i % 20 == 0) checked(metrics.text());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(checked(metrics.text()).at("a_total,t=0"), 400);
}

TEST(Metrics, TellsOfTheProcess) {
  Metrics metrics;
  add_process_metrics(metrics);
  const auto samples = checked(metrics.text());
  EXPECT_EQ(samples.size(), 7u);
  for (const auto& [name, value] : samples) EXPECT_GT(value, 0) << name;
  EXPECT_GT(samples.at("process_virtual_memory_bytes"),
            samples.at("process_resident_memory_bytes"));
  EXPECT_GE(samples.at("process_open_fds"), 3);
  EXPECT_GT(samples.at("process_start_time_seconds"), 1.5e9);
}

TEST(Metrics, KnowsNames) {
  for (const char* name : {"a", "_a", "a:b", "A9"}) EXPECT_TRUE(is_metric_name(name)) << name;
  for (const char* name : {"", "9a", "a-b", "a b", "\xc3\xa4"})
    EXPECT_FALSE(is_metric_name(name)) << name;
  for (const char* name : {"a", "_a", "A9"}) EXPECT_TRUE(is_label_name(name)) << name;
  for (const char* name : {"", "9a", "a:b", "__a", "le"}) EXPECT_FALSE(is_label_name(name)) << name;
}

TEST(MetricsDeathTest, HoldsItsNames) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  Metrics m;
  EXPECT_DEATH(m.gauge("a-b", "G."), "valid name");
  EXPECT_DEATH(m.gauge("g", "G.", {{"a-b", ""}}), "valid name");
  EXPECT_DEATH(m.gauge("g", "G.", {{"a", ""}, {"a", ""}}), "distinct");
  EXPECT_DEATH(m.gauge("g", ""), "help text");
  EXPECT_DEATH(m.gauge("g", "two\nlines"), "help text");
  EXPECT_DEATH(m.counter("c", "C."), "_total");
  EXPECT_DEATH(m.gauge("g_total", "G."), "_total");
  EXPECT_DEATH(m.histogram("h", "H.", {1, 1}), "rise");
  m.gauge("g", "G.");
  EXPECT_DEATH(m.gauge("g", "Another."), "one help text");
  EXPECT_DEATH(m.replace_gauges("g", "G.", {}), "one kind");
}

}  // namespace
}  // namespace kerf::telemetry
