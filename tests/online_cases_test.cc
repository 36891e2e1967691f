// Every case of tests/online_cases: what is decided for a running cluster is what is written there,
// and what stands afterwards holds for the checker.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "core/check/snapshot.h"
#include "online_case_file.h"

namespace kerf::tests {
namespace {

const Words kNothing;

Words case_names() {
  Words names;
  for (const auto& entry :
       std::filesystem::directory_iterator(KERF_SOURCE_DIR "/tests/online_cases"))
    if (entry.path().extension() == ".txt") names.push_back(entry.path().stem());
  std::sort(names.begin(), names.end());
  return names;
}

/// A case as it stands, asked and carried out.
class Asked {
 public:
  explicit Asked(const OnlineCase& file)
      : file_(file), standing_(file.standing, file.market, file.policy) {}

  void answer() {
    const MicroUsdPerHour before = standing_.bill();
    if (file_.question == Question::Place) place();
    else if (file_.question == Question::Consolidate) consolidate();
    else open_slot();
    const std::string bill = exact_usd(before);
    EXPECT_EQ(standing_.bill() == before ? bill : bill + " to " + exact_usd(standing_.bill()),
              file_.bill);
  }

 private:
  void expect_sound() const {
    EXPECT_EQ(check::check_snapshot(standing_.snapshot(), file_.market, file_.policy), kNothing);
  }

  void place() {
    std::map<online::AskId, std::int64_t> weights;
    for (const cluster::Pod& pod : file_.expected.pods)
      ++weights[standing_.ask_of(standing_.shape(file_.expected.shapes[pod.shape]))];
    online::Expectation next;
    for (const auto& [ask, weight] : weights) next.push_back({ask, weight});
    const cluster::Snapshot before = standing_.snapshot();
    online::Placer placer(standing_, next);
    std::vector<std::uint32_t> pods;
    for (std::uint32_t pod = 0; pod < file_.pending.pods.size(); ++pod) pods.push_back(pod);
    const online::Decision decision = placer.decide(file_.pending, pods);
    EXPECT_EQ(placed_lines(decision, file_.pending, standing_), file_.placed);
    EXPECT_EQ(fleet_lines(decision.purchase.nodes, file_.market), file_.bought);
    EXPECT_EQ(unplaced_lines(decision.purchase.unplaced, file_.pending), file_.unplaced);
    for (const plan::NodePlan& node : decision.purchase.nodes)
      online::stand(
          standing_, node, fmt::format("bought-{}", standing_.nodes()), [&](std::uint32_t pod) {
            cluster::Running running;
            running.name = file_.pending.pods[pod].name;
            running.shape = standing_.shape(file_.pending.shapes[file_.pending.pods[pod].shape]);
            return running;
          });
    expect_sound();
    EXPECT_EQ(check::touched_pods(before, standing_.snapshot()), kNothing);
    EXPECT_EQ(before.pods.size() + file_.pending.pods.size(),
              standing_.snapshot().pods.size() + decision.purchase.unplaced.size());
  }

  void consolidate() { settle(online::consolidate(standing_, file_.limits)); }

  void open_slot() {
    const cluster::PodShape& pod = file_.pending.shapes[file_.pending.pods[0].shape];
    const online::ShapeId wants = standing_.shape(pod);
    const auto opened = online::open_slot(standing_, file_.limits, wants, file_.worth);
    if (!opened) return settle({});
    settle({*opened});
    if (!file_.refused.empty()) return;
    cluster::Running running;
    running.name = file_.pending.pods[0].name;
    running.shape = wants;
    running.node = opened->slot_node;
    ASSERT_TRUE(standing_.fits(wants, opened->slot_node, opened->slot));
    standing_.run(running, opened->slot);
    expect_sound();
  }

  /// The proposals are those expected; then each is done if it still holds.
  void settle(const std::vector<online::Proposal>& proposals) {
    Words lines, refused;
    for (const online::Proposal& proposal : proposals)
      for (std::string& line : proposal_lines(proposal, standing_))
        lines.push_back(std::move(line));
    EXPECT_EQ(lines, file_.proposals);
    online::ConsolidateLimits limits = file_.limits;
    for (const Event& event : file_.then) happen(event, limits);
    for (const online::Proposal& proposal : proposals) {
      if (const std::string why = online::why_stale(standing_, limits, proposal); !why.empty()) {
        const std::string first = proposal_lines(proposal, standing_)[0];
        refused.push_back(first.substr(0, first.find(':')) + ": " + why);
        continue;
      }
      const MicroUsdPerHour bill = standing_.bill();
      online::carry_out(standing_, proposal);
      limits.moves -= proposal.disruption;
      if (proposal.kind != online::ProposalKind::OpenSlot) {
        EXPECT_EQ(bill - standing_.bill(), proposal.saving);
      }
      for (const std::int64_t left : standing_.budgets()) EXPECT_GE(left, 0);
      expect_sound();
    }
    EXPECT_EQ(refused, file_.refused);
  }

  void happen(const Event& event, online::ConsolidateLimits& limits) {
    const auto node = [&] { return standing_.node(event.index); };
    switch (event.kind) {
      case Event::Kind::NodeKept: standing_.mark(event.index, node().closed, true); break;
      case Event::Kind::NodeClosed: standing_.mark(event.index, true, node().kept); break;
      case Event::Kind::NodeGone: standing_.remove(event.index); break;
      case Event::Kind::PodGone: standing_.release(event.index); break;
      case Event::Kind::Budget: standing_.budgets()[event.index] = event.allowed; break;
      case Event::Kind::Limits: limits = event.limits; break;
      case Event::Kind::Runs: {
        cluster::Running pod = event.seated.pod;
        pod.shape = standing_.shape(file_.standing.shapes[pod.shape]);
        ASSERT_TRUE(standing_.fits(pod.shape, pod.node, event.seated.devices)) << pod.name;
        standing_.run(pod, event.seated.devices);
        break;
      }
    }
  }

  const OnlineCase& file_;
  online::Standing standing_;
};

class OnlineCases : public ::testing::TestWithParam<std::string> {};

TEST_P(OnlineCases, IsDecidedAsWritten) {
  const std::string path = KERF_SOURCE_DIR "/tests/online_cases/" + GetParam() + ".txt";
  std::ifstream in(path);
  ASSERT_TRUE(in) << path;
  OnlineCase file;
  try {
    file = read_online_case(in, path);
  } catch (const std::exception& error) {
    FAIL() << error.what();
  }
  ASSERT_EQ(check::check_snapshot(file.standing, file.market, file.policy), kNothing)
      << path << ": what stands must hold";
  Asked(file).answer();
}

std::string test_name(const ::testing::TestParamInfo<std::string>& one) {
  std::string name = one.param;
  std::replace_if(
      name.begin(), name.end(), [](char c) { return !std::isalnum(c); }, '_');
  return name;
}

/// What reading the text throws.
std::string error_in(const std::string& text) {
  std::istringstream in(text);
  try {
    read_online_case(in, "case.txt");
  } catch (const std::exception& error) {
    return error.what();
  }
  return "";
}

const std::string kGround = R"(market
  p5.4xlarge $6.88
nodes
  a: p5.4xlarge
running
  1 x old: nvidia.com/mig-1g.10gb, cpu 1, on a at 1g.10gb@0
)";

TEST(OnlineCaseFile, ReadsWhatIsWellWritten) {
  EXPECT_EQ(error_in(kGround + "consolidate\n  moves 3\nproposals\nbill $6.88\n"), "");
}

TEST(OnlineCaseFile, SaysWhatWasExpectedAndWhere) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"consolidation\n", R"(case.txt:7: expected a section (README.md lists them) or bill, )"
                          R"(found "consolidation")"},
      {"consolidate\npending\n",
       R"(case.txt:8: expected one question: pending, consolidate or open slot, )"
       R"(found "pending as well")"},
      {"consolidate\n  moves many\n", R"(case.txt:8: expected a whole number, found "many")"},
      {"consolidate\n  move 3\n",
       R"(case.txt:8: expected moves N, least saving $X, least per move $X, no buying or outside )"
       R"(the window, found "move 3")"},
      {"consolidate\n  least saving 4\n",
       R"(case.txt:8: expected dollars per hour, as in $6.88, found "4")"},
      {"pending\n  large: nvidia.com/gpu\n",
       R"(case.txt:8: expected N x NAME: ..., found "large: nvidia.com/gpu")"},
      {"pending\n  1 x large: nvidia.com/gpu, colour red\n",
       R"(case.txt:8: expected a clause about pods (README.md lists them), found "colour red")"},
      {"pending\n  1 x large: nvidia.com/gpu, cpu 1 2\n",
       R"(case.txt:8: expected cpu C, found "cpu 1 2")"},
      {"running\n  2 x two: nvidia.com/mig-1g.10gb, on a at 1g.10gb@1\n",
       R"(case.txt:8: expected devices for 2 pods, found "for 1")"},
      {"running\n  1 x one: nvidia.com/mig-1g.10gb, on b at 1g.10gb@1\n",
       R"(case.txt:8: expected a name under nodes, found "b")"},
      {"running\n  1 x one: nvidia.com/mig-2g.20gb, on a at 2g.20gb@1\n",
       R"(case.txt:8: expected whole, or PROFILE@START of a legal start of H100-80, found )"
       R"("2g.20gb@1")"},
      {"running\n  1 x one: nvidia.com/mig-1g.10gb, on a at gpu1/1g.10gb@1\n",
       R"(case.txt:8: expected a GPU of p5.4xlarge, found "gpu1/1g.10gb@1")"},
      {"running\n  1 x one: nvidia.com/mig-1g.10gb, budget web, on a at 1g.10gb@1\n",
       R"(case.txt:8: expected a name under budgets, found "web")"},
      {"nodes\n  b: p5.large\n",
       R"(case.txt:8: expected an instance type of data/, found "p5.large")"},
      {"nodes\n  a: p5.4xlarge\n",
       R"(case.txt:8: expected a name that no other node has, found "a")"},
      {"nodes\n  b: p5.4xlarge, empty\n",
       R"(case.txt:8: expected a clause about nodes (README.md lists them), found "empty")"},
      {"nodes\n  b: g6.xlarge\n",
       R"(case.txt:8: expected a line under market with the node's price, above nodes, or owned, )"
       R"(found "g6.xlarge")"},
      {"market\n  p5.4xlarge $7 us-west-2a\n",
       R"(case.txt:8: expected a zone of us-east-1, spot or reserved, found "us-west-2a")"},
      {"policy\n  limit 8 nodes\n",
       R"(case.txt:8: expected limit $X or limit N GPUs, found "limit 8 nodes")"},
      {"then\n  node a is ill\n", R"(case.txt:8: expected kept, closed or gone, found "ill")"},
      {"then\n  pod b-0 is gone\n", R"(case.txt:8: expected a pod under running, found "b-0")"},
      {"bill $6.88\n", "case.txt: expected a question: pending, consolidate or open slot"},
      {"consolidate\n", "case.txt: expected bill $X or bill $X to $Y"},
      {"open slot\n  worth $1\nbill $6.88\n", "case.txt: expected one pod under open slot"},
  };
  for (const auto& [text, error] : cases) EXPECT_EQ(error_in(kGround + text), error);
  EXPECT_EQ(error_in("  p5.4xlarge $6.88\n"),
            R"(case.txt:1: expected a section, found "p5.4xlarge $6.88")");
}

INSTANTIATE_TEST_SUITE_P(All, OnlineCases, ::testing::ValuesIn(case_names()), test_name);

}  // namespace
}  // namespace kerf::tests
