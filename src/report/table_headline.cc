// The top of the table: what was read, what it costs each way, and how far from the cheapest.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

#include "codec/gpu_request.h"
#include "report/figures.h"
#include "report/headline.h"
#include "report/screen.h"

namespace kerf::report {
namespace {

const plan::Baseline* baseline_named(const Plan& plan, std::string_view name) {
  const auto it = std::find_if(plan.baselines.begin(), plan.baselines.end(),
                               [&](const auto& baseline) { return baseline.name == name; });
  return it == plan.baselines.end() ? nullptr : &*it;
}

/// "on-demand and spot".
std::string capacity_types(const cluster::Policy& policy) {
  std::string out;
  for (std::size_t i = 0; i < policy.capacity_types.size(); ++i) {
    if (i > 0) out += i + 1 == policy.capacity_types.size() ? " and " : ", ";
    out += market::to_string(policy.capacity_types[i]);
  }
  return out.empty() ? "all" : out;
}

/// True if Jobs make up a part of the bill, here or in a baseline.
bool has_jobs(const Screen& screen) {
  return screen.plan.transient_part.micro > 0 ||
         std::any_of(
             screen.plan.baselines.begin(), screen.plan.baselines.end(),
             [](const plan::Baseline& baseline) { return baseline.transient_part.micro > 0; });
}

/// The basis on which ways are compared: the month; but the hour in which everything runs where
/// Jobs cost something of their own and nobody said for how long, because then months leave out
/// different things.
struct Amounts {
  std::int64_t mine = 0;
  std::int64_t theirs = 0;
  bool by_month = true;
};

Amounts amounts(const Screen& screen, const plan::Baseline& baseline) {
  const bool unknown_hours = has_jobs(screen) && !plan::longest_job(screen.plan, screen.demand);
  if (!unknown_hours && (screen.plan.month_micro_usd > 0 || baseline.month_micro_usd > 0))
    return {screen.plan.month_micro_usd, baseline.month_micro_usd, true};
  return {screen.plan.bill.micro, baseline.per_hour.micro, false};
}

std::string amount(const Screen& screen, std::int64_t micro, bool by_month) {
  return by_month ? screen.month(micro) : screen.hour({micro});
}

/// "$8,472 a month", "$12.10/h at peak".
std::string cost_words(const Screen& screen, std::int64_t micro, bool by_month) {
  return by_month ? screen.month(micro) + " a month" : screen.hour({micro}) + " at peak";
}

bool asks(const Screen& screen, cluster::GpuRequestKind kind) {
  for (const cluster::PodShape& shape : screen.demand.shapes)
    for (const cluster::GpuRequest& request : shape.gpu)
      if (request.kind == kind) return true;
  return false;
}

/// The portable request with as much memory as the first slice asked for: " (kerf.dev/gpu-5gi)".
std::string by_memory(const Screen& screen) {
  for (const cluster::PodShape& shape : screen.demand.shapes)
    for (const cluster::GpuRequest& request : shape.gpu)
      for (const gpu::Model& model : screen.market.gpus.models)
        if (const auto profile = model.profile_named(request.profile))
          if (const auto rung = codec::ladder_up(model.profiles[*profile].nominal_gb))
            return fmt::format(" (kerf.dev/gpu-{}gi)", *rung);
  return "";
}

bool cuts(const Plan& plan) {
  for (const plan::NodePlan& node : plan.nodes)
    for (const plan::GpuPlan& gpu : node.gpus)
      if (!layout_of(gpu).empty()) return true;
  return false;
}

/// " (+12.3 %)", or " (41.8 times as much)" where percents no longer speak.
std::string how_much_more(const Amounts& both) {
  if (both.theirs <= 0) return "";
  const std::int64_t more = -saving_tenths(both.theirs, both.mine);
  if (more < 2000) return fmt::format(" (+{})", percent(more));
  return fmt::format(" ({:.1f} times as much)",
                     static_cast<double>(both.mine) / static_cast<double>(both.theirs));
}

/// "whole GPUs", as a sentence names it.
std::string noun_of(const plan::Baseline& baseline) {
  if (baseline.name == "whole-gpu") return "whole GPUs";
  if (baseline.name == "whole-gpu-same-model") return "whole GPUs of today's models";
  if (baseline.name == "whole-gpu-best-types") return "whole GPUs of the best types";
  if (baseline.name == "time-slicing") return "time-slicing and whole GPUs";
  return "fixed MIG node pools";
}

/// The way other than the plan that costs least, of those that serve the same pods; else `whole`.
const plan::Baseline& cheapest_other(const Screen& screen, const plan::Baseline& whole) {
  const plan::Baseline* best = &whole;
  for (const plan::Baseline& baseline : screen.plan.baselines)
    if (comparable(screen.plan, baseline) &&
        amounts(screen, baseline).theirs < amounts(screen, *best).theirs)
      best = &baseline;
  return *best;
}

/// The month leaves out Jobs, or most of them: then the peak stands beside it.
std::string peak_words(const Screen& screen, const plan::Baseline& other) {
  if (!amounts(screen, other).by_month || !has_jobs(screen)) return "";
  return fmt::format(" At peak, while all Jobs run: {} instead of {}.",
                     screen.hour(screen.plan.bill), screen.hour(other.per_hour));
}

/// The first line that people read.
std::string verdict(const Screen& screen, const plan::Baseline* whole) {
  const Plan& plan = screen.plan;
  const bool by_month = plan.month_micro_usd > 0 || plan.bill.micro == 0;
  const std::string cost =
      cost_words(screen, by_month ? plan.month_micro_usd : plan.bill.micro, by_month);
  if (whole == nullptr) return fmt::format("This plan costs {}.", cost);
  if (!comparable(plan, *whole)) {
    const auto here = static_cast<std::int64_t>(plan.unplaced.size());
    const auto there = static_cast<std::int64_t>(whole->unplaced.size());
    if (there >= here)
      return fmt::format(
          "This plan costs {}. As whole GPUs {} cannot be served, so the costs do not compare.",
          cost, counted(there, "pod", "pods"));
    return fmt::format(
        "This plan costs {}. As whole GPUs {} more could be served, so the costs do not compare.",
        cost, counted(here - there, "pod", "pods"));
  }
  const plan::Baseline& rival = cheapest_other(screen, *whole);
  const Amounts both = amounts(screen, rival);
  const std::string mine = cost_words(screen, both.mine, both.by_month);
  const std::string theirs = amount(screen, both.theirs, both.by_month);
  const Amounts against = amounts(screen, *whole);
  if (both.mine == both.theirs && against.mine == against.theirs)
    return fmt::format("This plan costs {}, the same as {}.{}", mine, noun_of(rival),
                       peak_words(screen, rival));
  if (both.mine > both.theirs)
    return fmt::format("{} costs MORE than {} here: {} instead of {}{}.{}",
                       cuts(plan) && rival.name != "static-mig" ? "Slicing" : "This plan",
                       noun_of(rival), mine, theirs, how_much_more(both),
                       peak_words(screen, rival));
  std::string text =
      fmt::format("This plan saves {} ({}): {} instead of {} as whole GPUs.",
                  cost_words(screen, against.theirs - against.mine, against.by_month),
                  percent(saving_tenths(against.theirs, against.mine)),
                  amount(screen, against.mine, against.by_month),
                  amount(screen, against.theirs, against.by_month));
  if (&rival != whole)
    text += fmt::format(" The cheapest other way, {}, costs {}.", noun_of(rival),
                        both.mine == both.theirs ? "the same" : theirs);
  return text + peak_words(screen, *whole);
}

std::string label_of(const plan::Baseline& baseline) {
  if (baseline.name == "whole-gpu") return "as whole GPUs, packed by Karpenter";
  if (baseline.name == "whole-gpu-same-model") return "as whole GPUs of today's models";
  if (baseline.name == "whole-gpu-best-types") return "as whole GPUs of the best types";
  if (baseline.name == "static-mig") return "as fixed MIG node pools";
  if (baseline.name == "time-slicing") return "without MIG: time-slicing and whole GPUs";
  return "as " + baseline.name;
}

std::string not_served(std::int64_t pods) {
  return pods == 0 ? "" : counted(pods, "pod", "pods") + " not served";
}

/// Says so where Jobs on nodes of their own would make the month cheaper, or could.
void advise_apart(Screen& screen) {
  const std::optional<plan::JobsApart>& apart = screen.plan.jobs_apart;
  if (!apart || apart->always_on >= screen.plan.bill || apart->jobs.micro <= 0) return;
  const auto all_month = static_cast<double>(kHoursPerMonth);
  const std::int64_t always_on = month_micro_usd(apart->always_on, all_month);
  std::string when;
  if (const std::optional<double> hours = plan::longest_job(screen.plan, screen.demand)) {
    const std::int64_t month = always_on + month_micro_usd(apart->jobs, *hours);
    if (month >= screen.plan.month_micro_usd) return;
    when = fmt::format("{} in all", screen.month(month));
  } else {
    const double even = all_month *
                        static_cast<double>((screen.plan.bill - apart->always_on).micro) /
                        static_cast<double>(apart->jobs.micro);
    when = fmt::format("less than this plan unless they run more than {:.0f} hours a month",
                       std::floor(even));
  }
  screen.paragraph(
      fmt::format("Here Jobs share nodes that are paid for all month. Planned apart "
                  "(--jobs apart), what is always on costs {} a month and the Jobs {} "
                  "while they run: {}.",
                  screen.month(always_on), screen.hour(apart->jobs), when));
}

/// True if it had something to say.
bool advise_memory(Screen& screen) {
  const plan::Baseline* whole = baseline_named(screen.plan, "whole-gpu");
  if (whole == nullptr || !comparable(screen.plan, *whole)) return false;
  const plan::Baseline& rival = cheapest_other(screen, *whole);
  const Amounts both = amounts(screen, rival);
  if (both.mine <= both.theirs || rival.name == "static-mig" ||
      !asks(screen, cluster::GpuRequestKind::Slice))
    return false;
  screen.paragraph(
      fmt::format("These pods name MIG profiles, so only GPUs that can be cut may serve them. "
                  "Ask for memory instead{}, and whole GPUs serve them where that is cheaper.",
                  by_memory(screen)));
  return true;
}

}  // namespace

void write_advice(Screen& screen) {
  advise_apart(screen);
  if (advise_memory(screen)) return;
  if (!screen.plan.nodes.empty() && !cuts(screen.plan) &&
      asks(screen, cluster::GpuRequestKind::Portable))
    screen.paragraph("No GPU is cut in this plan: other forms serve these requests for less.");
}

void write_inputs(Screen& screen) {
  const Market& market = screen.market;
  const std::string source =
      market.price_source.empty() ? "" : fmt::format(" ({})", market.price_source);
  // A source without a date says so in words.
  const bool dated =
      !market.price_date.empty() && market.price_date[0] >= '0' && market.price_date[0] <= '9';
  screen.paragraph(fmt::format("{}, {} prices{}{}{}", market.region, capacity_types(screen.policy),
                               dated ? " of " : ", ", market.price_date, source));
  std::string owned;
  for (const auto& [type, nodes] : owned_nodes(market))
    owned +=
        fmt::format("{}{} x {}", owned.empty() ? "owned: " : ", ", with_thousands(nodes), type);
  if (!owned.empty()) screen.paragraph(owned);
  const cluster::Demand& demand = screen.demand;
  std::string read = demand.described.empty() ? "" : demand.described + ": ";
  const auto pods = static_cast<std::int64_t>(demand.pods.size());
  read += counted(pods, "pod asks for a GPU", "pods ask for GPUs");
  if (demand.cpu_only_pods > 0)
    read += fmt::format("; {} ({} CPU) {} not planned",
                        counted(demand.cpu_only_pods, "CPU-only pod", "CPU-only pods"),
                        with_thousands((demand.cpu_only_milli + 999) / 1000),
                        demand.cpu_only_pods == 1 ? "is" : "are");
  if (!screen.policy.name.empty()) read += "; policy " + screen.policy.name;
  screen.paragraph(read);
  screen.blank();
}

std::string proof_words(const Screen& screen) {
  const Plan& plan = screen.plan;
  std::string what = plan.unplaced.empty() ? "these requests" : "the pods that are placed";
  if (!plan.bound.given.empty()) what += " with " + plan.bound.given;
  if (has_jobs(screen)) what += " while all Jobs run";
  const auto gap = gap_tenths(plan);
  if (!gap) return "How far it is from the cheapest possible is not known.";
  if (*gap == 0) return fmt::format("It is the cheapest possible for {}.", what);
  std::string text = fmt::format(
      "It is at most {} above the cheapest possible for {}: nothing serves them for less than {}.",
      percent(*gap), what, screen.hour(plan.bound.per_hour));
  if (plan.bound.relaxed.empty()) return text;
  text += " The proof leaves out ";
  for (std::size_t i = 0; i < plan.bound.relaxed.size(); ++i)
    text += (i == 0 ? "" : "; ") + plan.bound.relaxed[i];
  return text + ", so the plan may well be closer.";
}

void write_costs(Screen& screen, const std::vector<CostRow>& first) {
  const Plan& plan = screen.plan;
  const bool jobs = has_jobs(screen);
  std::vector<Grid::Column> heads = {
      {"", false, 20}, {"a month", true, 0}, {jobs ? "always on" : "an hour", true, 0}};
  if (jobs) heads.push_back({"+ while Jobs run", true, 0});
  heads.push_back({"nodes", true, 0});
  heads.push_back({"", false, 6});
  Grid grid(std::move(heads));
  const auto row = [&](const std::string& name, std::int64_t month, MicroUsdPerHour always,
                       MicroUsdPerHour transient, std::int64_t nodes, std::int64_t unplaced,
                       Style style) {
    std::vector<std::string> cells = {screen.safe(name), screen.month(month), screen.hour(always)};
    if (jobs) cells.push_back(transient.micro == 0 ? "" : screen.hour(transient));
    cells.push_back(with_thousands(nodes));
    cells.push_back(not_served(unplaced));
    grid.row(std::move(cells), style);
  };
  for (const CostRow& one : first)
    row(one.name, one.month, one.hour, {}, one.nodes, one.unplaced, Style::Bold);
  for (const plan::Baseline& baseline : plan.baselines)
    row(label_of(baseline), baseline.month_micro_usd, baseline.per_hour - baseline.transient_part,
        baseline.transient_part, baseline.nodes,
        static_cast<std::int64_t>(baseline.unplaced.size()), Style::Plain);
  row("this plan", plan.month_micro_usd, plan.bill - plan.transient_part, plan.transient_part,
      static_cast<std::int64_t>(plan.nodes.size()), static_cast<std::int64_t>(plan.unplaced.size()),
      Style::Bold);
  grid.print(screen, 2);
  write_owned(screen);
  if (jobs)
    screen.paragraph(
        fmt::format("Jobs and CronJobs are planned at their peak; the month counts the nodes that "
                    "only they hold for the hours given (--hours). With every node kept all month "
                    "this plan costs {}.",
                    screen.month(month_micro_usd(plan.bill, static_cast<double>(kHoursPerMonth)))),
        Style::Dim, 2);
}

void write_headline(Screen& screen) {
  write_inputs(screen);
  const Plan& plan = screen.plan;
  const auto pods = static_cast<std::int64_t>(screen.demand.pods.size());
  const auto unplaced = static_cast<std::int64_t>(plan.unplaced.size());
  if (pods == 0) {
    screen.line("No pod asks for a GPU: there is nothing to buy.", Style::Bold);
    return;
  }
  const plan::Baseline* whole = baseline_named(plan, "whole-gpu");
  if (plan.placements.empty()) {
    screen.line("No pod can be placed; the reasons are below.", Style::Alarm);
    if (plan.nodes.empty()) return;
  }
  screen.paragraph(verdict(screen, whole), Style::Bold);
  screen.paragraph(proof_words(screen));
  if (unplaced > 0 && !plan.placements.empty())
    screen.paragraph(
        fmt::format("{} of {} cannot be placed and cost nothing here; the reasons are below.",
                    with_thousands(unplaced), counted(pods, "pod", "pods")),
        Style::Alarm);
  write_advice(screen);
  screen.blank();
  write_costs(screen, {});
}

}  // namespace kerf::report
