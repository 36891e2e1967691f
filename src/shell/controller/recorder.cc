// Recorder: counters, histograms and lines, event by event and decision by decision.
#include "shell/controller/recorder.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>
#include <variant>
#include <vector>

#include "report/decision.h"
#include "shell/controller/effect_names.h"
#include "shell/controller/overview_gauges.h"
#include "shell/controller/pod_waits.h"

namespace kerf::shell {
namespace {

using apiserver::Answer;
using apiserver::Verdict;
using controller::What;
using telemetry::Level;
using telemetry::Metrics;
using telemetry::Series;

constexpr std::size_t kAlternativesMax = 5;
/// In the order of the list.
constexpr What kWhats[] = {What::Place, What::Buy,     What::Wait,   What::Disagrees, What::GaveUp,
                           What::Lost,  What::Cut,     What::Return, What::Failed,    What::Refused,
                           What::Move,  What::MoveOff, What::Would};
constexpr controller::Search kSearches[] = {
    controller::Search::Place, controller::Search::Consolidate, controller::Search::Vacate,
    controller::Search::Compare};

double seconds(std::int64_t ms) { return static_cast<double>(ms) / 1000; }

const std::vector<double>& step_buckets() {
  static const std::vector<double> buckets = {0.0001, 0.0005, 0.001, 0.005, 0.01,
                                              0.05,   0.1,    0.5,   1,     5};
  return buckets;
}
const std::vector<double>& event_buckets() {
  static const std::vector<double> buckets = {1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 5000};
  return buckets;
}
/// A slice that is free takes a second, a node some minutes.
const std::vector<double>& wait_buckets() {
  static const std::vector<double> buckets = {1,  2,   5,   10,  20,  30,   60,
                                              90, 120, 180, 300, 600, 1200, 3600};
  return buckets;
}

std::string told(const std::vector<controller::Alternative>& others) {
  std::string text;
  for (std::size_t i = 0; i < others.size() && i < kAlternativesMax; ++i)
    text += fmt::format("{}{} at {}/h", i == 0 ? "" : "; ", others[i].what,
                        format_usd(others[i].price));
  if (others.size() > kAlternativesMax)
    text += fmt::format("; and {} more", others.size() - kAlternativesMax);
  return text;
}

/// No request went out: what the effect is about was not known any more.
bool is_local(const Answer& answer) {
  return answer.status == 0 && answer.verdict == Verdict::Conflict;
}

std::string status_label(int status) {
  if (status == 0) return "none";
  return status >= 100 && status < 600 ? std::to_string(status) : "other";
}

/// Somebody else was first, or it is to be tried again: that is every day's. The rest is not.
Level level_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::Ok: return Level::Debug;
    case Verdict::Conflict:
    case Verdict::AlreadyExists:
    case Verdict::NotFound:
    case Verdict::Gone:
    case Verdict::Later: return Level::Info;
    case Verdict::Refused:
    case Verdict::Unknown: return Level::Warning;
  }
  return Level::Warning;
}

}  // namespace

class Recorder::Impl {
 public:
  Impl(telemetry::Log log, Metrics& metrics)
      : log_(std::move(log)),
        metrics_(metrics),
        leader_(metrics.gauge("kerf_controller_leader", "1: this process decides")),
        searching_(metrics.gauge("kerf_controller_searches_under_way",
                                 "Searches that have not been answered")),
        step_seconds_(metrics.histogram("kerf_controller_step_seconds",
                                        "How long steps of the mind took", step_buckets())),
        step_events_(metrics.histogram("kerf_controller_step_events",
                                       "How many events steps of the mind had", event_buckets())),
        offered_(metrics.histogram("kerf_pod_offered_seconds",
                                   "From unschedulable until Kerf named the node", wait_buckets())),
        bound_(metrics.histogram("kerf_pod_bound_seconds",
                                 "From unschedulable until the pod was bound", wait_buckets())) {
    // What has not happened is 0, and can be alerted on.
    for (const What what : kWhats) decisions(what);
    for (const controller::Search search : kSearches) search_seconds(search);
  }

  void observe(std::span<const controller::Event> batch,
               std::span<const controller::Effect> effects, std::int64_t now_ms,
               double step_seconds) {
    step_seconds_.observe(step_seconds);
    step_events_.observe(static_cast<double>(batch.size()));
    const PodWaits::Waits waits = waits_.observe(batch, effects, now_ms);
    for (const std::int64_t ms : waits.offered_ms) offered_.observe(seconds(ms));
    for (const std::int64_t ms : waits.bound_ms) bound_.observe(seconds(ms));
    for (const controller::Event& event : batch) {
      if (const auto* solved = std::get_if<controller::Solved>(&event)) {
        const auto search = searches_.extract(solved->effect);
        if (search.empty()) continue;
        search_seconds(search.mapped().first).observe(seconds(now_ms - search.mapped().second));
      } else if (std::holds_alternative<controller::Leading>(event) ||
                 std::holds_alternative<controller::Following>(event)) {
        searches_.clear();  // nobody waits for them any more
      }
    }
    for (const controller::Effect& effect : effects)
      if (const auto* solve = std::get_if<controller::Solve>(&effect.action))
        searches_[effect.id] = {solve->problem->search, now_ms};
    searching_.set(static_cast<double>(searches_.size()));
  }

  void decided(const controller::Record& record, const std::string& decision) {
    decisions(record.what).add();
    if (record.what == What::Buy)
      metrics_
          .counter("kerf_bought_usd_per_hour_total", "Dollars per hour of the nodes bought so far",
                   {{"policy", record.policy}})
          .add(dollars(record.price));
    if (record.what == What::Return)
      metrics_
          .counter("kerf_returned_usd_per_hour_total",
                   "Dollars per hour of the nodes given back so far", {{"policy", record.policy}})
          .add(dollars(record.price));
    const report::Told sentence = report::tell(record);
    log_.write(sentence.warning ? Level::Warning : Level::Info, "decision",
               {{"decision", decision},
                {"what", controller::to_string(record.what)},
                {"object", object_of(controller::Note{record})},
                {"policy", record.policy},
                {"reason", sentence.reason},
                {"sentence", sentence.sentence},
                {"usd_per_hour", dollars(record.price)},
                {"pods", record.pods.size()},
                {"alternatives", told(record.others)}});
  }

  void answered(const controller::Effect& effect, const Answer& answer, std::int64_t ms) {
    const char* const kind = name_of(effect.action);
    const std::string verdict(to_string(answer.verdict));
    metrics_
        .counter("kerf_controller_effects_total", "Effects by kind and what became of them",
                 {{"kind", kind}, {"verdict", verdict}})
        .add();
    if (!is_local(answer)) {
      metrics_
          .histogram("kerf_controller_api_seconds",
                     "From an effect to the API server's answer, waiting for the rate included",
                     Metrics::seconds_buckets(), {{"kind", kind}})
          .observe(seconds(ms));
      if (!answer.ok())
        metrics_
            .counter("kerf_controller_api_errors_total",
                     "Answers to effects that were not OK, by HTTP status",
                     {{"status", status_label(answer.status)}})
            .add();
    }
    const Level level = level_of(answer.verdict);
    if (!log_.enabled(level)) return;
    log_.write(level, answer.ok() ? "effect done" : "effect not done",
               {{"effect", effect.id},
                {"kind", kind},
                {"object", object_of(effect.action)},
                {"verdict", verdict},
                {"status", answer.status},
                {"reason", answer.reason},
                {"cause", answer.cause},
                {"why", answer.message},
                {"ms", ms}});
  }

  void priced(const Prices::Told& told, std::int64_t now_ms);

  void overview(const controller::Overview& overview) {
    if (leads_) set_overview_gauges(overview, metrics_);
  }

  void leads(bool leads) {
    leader_.set(leads ? 1 : 0);
    if (leads != leads_) log_.info(leads ? "leads: this process decides" : "follows");
    leads_ = leads;
    if (!leads) set_overview_gauges({}, metrics_);
  }

 private:
  telemetry::Counter decisions(What what) {
    return metrics_.counter("kerf_controller_decisions_total", "Decisions by kind",
                            {{"what", controller::to_string(what)}});
  }
  telemetry::Histogram search_seconds(controller::Search search) {
    return metrics_.histogram("kerf_controller_search_seconds",
                              "From a question to the answer, waiting for its turn included",
                              Metrics::seconds_buckets(), {{"search", name_of(search)}});
  }

  telemetry::Log log_;
  Metrics& metrics_;
  telemetry::Gauge leader_;
  telemetry::Gauge searching_;
  telemetry::Histogram step_seconds_;
  telemetry::Histogram step_events_;
  telemetry::Histogram offered_;
  telemetry::Histogram bound_;
  PodWaits waits_;
  /// Searches under way, and since when.
  std::map<controller::EffectId, std::pair<controller::Search, std::int64_t>> searches_;
  bool leads_ = false;
};

void Recorder::Impl::priced(const Prices::Told& told, std::int64_t now_ms) {
  metrics_
      .gauge("kerf_controller_prices_timestamp_seconds",
             "As of when the prices are, since 1970; 0: the shipped table")
      .set(seconds(told.as_of_ms));
  metrics_
      .gauge("kerf_controller_prices_age_seconds",
             "How old they were when they were last looked at; -1: the shipped table")
      .set(told.as_of_ms == 0 ? -1 : seconds(std::max<std::int64_t>(now_ms - told.as_of_ms, 0)));
  metrics_.gauge("kerf_controller_prices_current", "1: they are what Karpenter says now")
      .set(told.trouble.empty() ? 1 : 0);
  metrics_.replace_gauges("kerf_controller_prices_source", "1 for where the prices are from",
                          {{{{"source", told.source}}, 1}});
  std::map<std::string, double> counts;
  if (told.market != nullptr)
    for (const market::Offering& offering : told.market->offerings)
      ++counts[std::string(market::to_string(offering.capacity_type))];
  std::vector<Series> offerings;
  for (const auto& [type, count] : counts) offerings.push_back({{{"capacity_type", type}}, count});
  metrics_.replace_gauges("kerf_controller_offerings",
                          "Offerings that can be bought, by capacity type", std::move(offerings));
}

Recorder::Recorder(telemetry::Log log, Metrics& metrics)
    : impl_(std::make_unique<Impl>(std::move(log), metrics)) {}
Recorder::~Recorder() = default;

void Recorder::observe(std::span<const controller::Event> batch,
                       std::span<const controller::Effect> effects, std::int64_t now_ms,
                       double step_seconds) {
  impl_->observe(batch, effects, now_ms, step_seconds);
}
void Recorder::decided(const controller::Record& record, const std::string& decision) {
  impl_->decided(record, decision);
}
void Recorder::answered(const controller::Effect& effect, const Answer& answer, std::int64_t ms) {
  impl_->answered(effect, answer, ms);
}
void Recorder::priced(const Prices::Told& told, std::int64_t now_ms) {
  impl_->priced(told, now_ms);
}
void Recorder::overview(const controller::Overview& overview) { impl_->overview(overview); }
void Recorder::leads(bool leads) { impl_->leads(leads); }

}  // namespace kerf::shell
