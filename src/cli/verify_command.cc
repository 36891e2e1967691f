// Wiring of `kerf verify`: certificate, input and market to the checker, its verdict to people.
#include "cli/verify_command.h"

#include <fmt/format.h>

#include <string>
#include <utility>
#include <vector>

#include "cli/cluster_input.h"
#include "cli/demand_input.h"
#include "cli/files.h"
#include "cli/plan_arguments.h"
#include "cli/purchase.h"
#include "cli/terminal.h"
#include "codec/certificate_file.h"
#include "codec/json.h"
#include "core/check/certificate.h"
#include "core/plan/live_demand.h"
#include "report/text.h"

namespace kerf::cli {
namespace {

using codec::Node;
using plan::Certificate;

constexpr std::size_t kFileBytesMax = std::size_t{256} << 20;

struct VerifyArguments {
  std::string file;
  PlanArguments input;
};

/// The first argument is the certificate; the rest is read as `kerf plan` reads it.
Result<VerifyArguments> read_arguments(ParsedOptions parsed) {
  if (parsed.arguments.empty()) {
    return invalid(
        "which certificate? kerf verify proof.json deploy/ checks what kerf plan deploy/ "
        "--certificate proof.json wrote");
  }
  VerifyArguments out;
  out.file = parsed.arguments.front();
  parsed.arguments.erase(parsed.arguments.begin());
  KERF_TRY(out.input, read_plan_arguments(parsed));
  if (out.input.paths.empty() && !out.input.trace && !out.input.snapshot) {
    return invalid(fmt::format(
        "against what? Give the input that the plan was made from: kerf verify {} deploy/, or "
        "--snapshot FILE, or --trace PODS.csv{}",
        display_name(out.file),
        out.input.context || out.input.kubeconfig || out.input.ns || out.input.selector
            ? ". A live cluster may be another by now: kerf snapshot saves one to plan and verify"
            : ""));
  }
  if (out.file == "-") {
    return invalid("the certificate must be a file: standard input is for the input of the plan");
  }
  return out;
}

struct Checked {
  codec::CertificateFile file;
  check::Verdict proof;
  check::FleetVerdict fleet;

  bool holds() const { return complaints().empty(); }
  std::vector<std::string> complaints() const {
    std::vector<std::string> all;
    for (const std::string& text : fleet.complaints) all.push_back("fleet: " + text);
    for (const std::string& text : proof.complaints) all.push_back("proof: " + text);
    if (all.empty() && proof.pods == 0 && proof.headroom == 0)
      all.push_back("proof: it is for no pod at all, so it shows nothing");
    if (all.empty() && proof.proven > fleet.bill) {
      all.push_back("the bound is above the bill, so one of the two is wrong; please report this");
    }
    return all;
  }
  /// In percent of the bound.
  std::string gap() const {
    if (proof.proven == fleet.bill) return "0 %: no fleet is cheaper";
    if (proof.proven.micro <= 0) return "unknown";
    return fmt::format("{:.2f} %", 100.0 * static_cast<double>((fleet.bill - proof.proven).micro) /
                                       static_cast<double>(proof.proven.micro));
  }
};

/// Name and text of a line.
void add_line(std::string& out, std::string_view name, const std::string& text) {
  out += fmt::format("{:<9}{}\n", name, text);
}

/// What was checked of a proof that holds.
void add_proof(std::string& out, const Checked& checked) {
  const Certificate& certificate = checked.file.certificate;
  const check::Verdict& proof = checked.proof;
  add_line(out, "market",
           fmt::format("{} can be bought; each is in one of {} or can serve none of the pods",
                       report::counted(proof.offerings, "offering", "offerings"),
                       report::counted(static_cast<std::int64_t>(certificate.pools.size()), "pool",
                                       "pools")));
  if (certificate.method == Certificate::Method::Exact) {
    add_line(out, "proof", "all fleets were tried");
  } else {
    add_line(
        out, "proof",
        fmt::format(
            "{}; claims shown by multipliers {}, by complete search {} ({} tried)",
            report::counted(static_cast<std::int64_t>(certificate.leaves.size()), "leaf", "leaves"),
            report::with_thousands(proof.by_multipliers), report::with_thousands(proof.by_search),
            report::counted(proof.steps, "content of a node", "contents of nodes")));
  }
  for (const std::string& text : certificate.relaxed)
    add_line(out, "left out", report::printable(text, false));
}

std::string as_text(const Checked& checked, const cluster::Demand& demand,
                    const market::Market& market) {
  const check::Verdict& proof = checked.proof;
  std::string out;
  add_line(out, "input",
           fmt::format("{}; {} of {}", demand.described, market.price_source, market.region));
  add_line(out, "pods",
           fmt::format("{} in the proof, {} outside of it{}", report::with_thousands(proof.pods),
                       report::with_thousands(static_cast<std::int64_t>(proof.outside.size())),
                       proof.headroom > 0 ? fmt::format("; headroom for {}", proof.headroom) : ""));
  if (proof.holds()) add_proof(out, checked);
  add_line(out, "fleet",
           fmt::format("{} for {}",
                       report::counted(static_cast<std::int64_t>(checked.file.nodes.size()), "node",
                                       "nodes"),
                       report::counted(checked.fleet.pods, "pod", "pods")));
  if (!checked.holds()) {
    for (const std::string& complaint : checked.complaints()) out += complaint + '\n';
    return out + "The certificate does not hold.\n";
  }
  add_line(out, "bill", format_usd(checked.fleet.bill, 6) + " an hour");
  add_line(out, "bound", format_usd(proof.proven, 6) + " an hour: no fleet for them costs less");
  add_line(out, "gap", checked.gap());
  return out + "The certificate holds.\n";
}

std::string as_json(const Checked& checked, const cluster::Demand& demand) {
  const Certificate& certificate = checked.file.certificate;
  const check::Verdict& proof = checked.proof;
  const auto texts = [](const std::vector<std::string>& list) {
    Node out = Node::sequence();
    for (const std::string& text : list) out.push(Node::of(text));
    return out;
  };
  const bool exact = certificate.method == Certificate::Method::Exact;
  const std::vector<std::string> names = codec::certificate_names(demand);
  Node outside = Node::sequence();
  for (const std::uint32_t pod : proof.outside) outside.push(Node::of(names[pod]));
  Node root = Node::mapping();
  root.set("format", Node::of("kerf-verdict/1"));
  root.set("holds", Node::of(checked.holds()));
  root.set("complaints", texts(checked.complaints()));
  root.set("method", Node::of(exact ? "exact" : "duals"));
  root.set("pods", Node::of(proof.pods));
  root.set("pods_outside", std::move(outside));
  root.set("headroom", Node::of(proof.headroom));
  root.set("offerings", Node::of(proof.offerings));
  root.set("pools", Node::of(static_cast<std::int64_t>(certificate.pools.size())));
  root.set("leaves", Node::of(static_cast<std::int64_t>(certificate.leaves.size())));
  root.set("claims_by_multipliers", Node::of(proof.by_multipliers));
  root.set("claims_by_search", Node::of(proof.by_search));
  root.set("contents_tried", Node::of(proof.steps));
  root.set("relaxed", texts(certificate.relaxed));
  root.set("nodes", Node::of(static_cast<std::int64_t>(checked.file.nodes.size())));
  const bool holds = checked.holds();
  root.set("bill_micro_usd_per_hour", holds ? Node::of(checked.fleet.bill.micro) : Node::null());
  root.set("bound_micro_usd_per_hour", holds ? Node::of(proof.proven.micro) : Node::null());
  return codec::write_json(root);
}

/// What the plan was made for, and what could be bought.
struct Input {
  cluster::Demand demand;
  Purchase purchase;
};

Result<Input> read_verify_input(const PlanArguments& arguments, ProgressLine& progress) {
  const auto tell = [&](std::string_view what) { progress.show(what); };
  Input out;
  if (!arguments.snapshot) {
    KERF_TRY(out.purchase, prepare_purchase(arguments));
    KERF_TRY(out.demand, read_demand(arguments, out.purchase.market.gpus, tell));
    return out;
  }
  KERF_TRY(ClusterInput input, read_cluster_input(arguments, tell));
  out.demand =
      plan::live_demand(input.cluster, input.purchase.market, input.purchase.policy, arguments.gpu,
                        arguments.owned_only ? plan::Keeps::Memory : plan::Keeps::Model)
          .planned;
  out.purchase = std::move(input.purchase);
  return out;
}

Result<ExitCode> verify_and_print(const VerifyArguments& arguments) {
  const Surroundings around = Surroundings::look();
  const PlanArguments& input = arguments.input;
  ProgressLine progress(around.stderr_is_terminal && !around.dumb && !input.quiet);
  KERF_TRY(const Input read, read_verify_input(input, progress));
  const auto& [demand, purchase] = read;
  KERF_TRY(const std::string text, read_file(arguments.file, kFileBytesMax));
  Checked checked;
  KERF_TRY(checked.file,
           codec::read_certificate(text, display_name(arguments.file), demand, purchase.market));
  const Certificate& certificate = checked.file.certificate;
  progress.show("checking the fleet");
  checked.fleet = check::verify_fleet(checked.file.nodes, certificate, demand, purchase.market,
                                      purchase.policy);
  progress.show("checking the proof");
  checked.proof = check::verify_certificate(certificate, demand, purchase.market, purchase.policy);
  progress.erase();
  KERF_CHECK_OK(write_stdout(input.output == OutputFormat::Json
                                 ? as_json(checked, demand)
                                 : as_text(checked, demand, purchase.market)));
  return checked.holds() ? kPlaced : kUnplaced;
}

}  // namespace

ExitCode run_verify(const ParsedOptions& parsed) {
  const auto arguments = read_arguments(parsed);
  if (!arguments) {
    say(fmt::format("kerf verify: {}\nSee kerf verify --help.", arguments.error().message()));
    return kBadInput;
  }
  const auto code = verify_and_print(*arguments);
  if (code) return *code;
  say(fmt::format("kerf verify: {}", code.error().message()));
  return kBadInput;
}

}  // namespace kerf::cli
