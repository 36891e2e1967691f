// Certificate files: what is written reads back the same, and what is wrong is told with its place.
#include "codec/certificate_file.h"

#include <gtest/gtest.h>

#include <string>

#include "codec/builtin.h"
#include "codec/catalogue.h"

namespace kerf::codec {
namespace {

using plan::Certificate;

/// Three pods, two of one name, and a proof with something in every field.
struct Example {
  market::Market market = *builtin_market("us-east-1");
  cluster::Demand demand;
  CertificateFile file;

  Example() {
    cluster::PodShape shape;
    shape.ns = "ml";
    demand.shapes.push_back(shape);
    demand.workloads.push_back({"Deployment", "ml", "llm", 3, false, 730, "", ""});
    demand.pods = {{"llm-0", 0, 0}, {"llm-0", 0, 0}, {"llm-1", 0, 0}};
    const auto type =
        static_cast<std::uint32_t>(market.type_named("p4d.24xlarge") - market.types.data());
    gpu::Form slice;
    slice.kind = gpu::FormKind::Slice;
    const gpu::Model& model = market.model_of(market.types[type]);
    slice.profile = static_cast<std::uint8_t>(*model.profile_named("1g.5gb+me"));
    slice.nominal_gb = model.profiles[slice.profile].nominal_gb;
    slice.memory_mib = model.profiles[slice.profile].memory_mib;
    gpu::Form turn;
    turn.kind = gpu::FormKind::TimeSliced;
    turn.replicas = 4;
    turn.nominal_gb = market.types[type].nominal_gb / 4;
    turn.memory_mib = market.types[type].gpu_memory_mib / 4;
    file.solver = "CLP 1.17.6";
    file.region = "us-east-1";
    file.prices = "shipped price table";
    Certificate& c = file.certificate;
    c.bound.micro = 21'957'642;
    c.relaxed = {"spread"};
    c.groups = {{{0, 2}, -1, 1}, {{1}, -1, 0}, {{}, 0, 0}};
    Certificate::Pool pool;
    pool.offerings = {
        {type, market::CapacityType::Reserved, {"us-east-1a"}, gpu::GpuMode::Cut, {21'957'642}}};
    pool.at_most = 3;
    c.pools = {pool};
    Certificate::Claim claim;
    claim.worth = 999'999'999'999'999'999;
    claim.multipliers = {1, 2, 3, 4, {{slice, 5}, {turn, 6}}};
    claim.by_multipliers = false;
    c.leaves = {{{7, 8, 0}, 9, {claim}}, {{7, 8, 0}, 0, {claim}}};
    c.branches = {{-1, 0, 2, 1, 2}, {0, 0, 0, 0, 0}, {1, 0, 0, 0, 0}};
    plan::NodePlan node;
    node.type = type;
    node.capacity_type = market::CapacityType::Reserved;
    node.zones = {"us-east-1a"};
    node.price.micro = 21'957'642;
    node.owned = true;
    node.used = {1500, 3072, 10, 3};
    node.labels = {{"team", "red"}};
    node.pods = {0, 1};
    node.gpus.resize(8);
    node.gpus[0].slices = {{slice, 2, 1, false}, {slice, 3, plan::kNoPod, true}};
    node.gpus[3].slices = {{turn, 1, 0, false}};
    file.nodes = {node};
  }
  std::string text() const { return write_certificate(file, demand, market); }
  Result<CertificateFile> read(std::string_view from) const {
    return read_certificate(from, "proof.json", demand, market);
  }
  /// What is said of the file with one piece of text replaced.
  std::string complaint(const std::string& what, const std::string& by) const {
    std::string changed = text();
    const std::size_t at = changed.find(what);
    if (at == std::string::npos) return "the file has no " + what;
    changed.replace(at, what.size(), by);
    const auto made = read(changed);
    return made ? "read" : made.error().message();
  }
};

TEST(CertificateFile, ReadsBackWhatIsWritten) {
  const Example example;
  const auto again = example.read(example.text());
  ASSERT_TRUE(again.has_value()) << again.error().message();
  EXPECT_EQ(write_certificate(*again, example.demand, example.market), example.text());
  const Certificate& c = again->certificate;
  EXPECT_EQ(again->solver, "CLP 1.17.6");
  EXPECT_EQ(c.bound.micro, 21'957'642);
  EXPECT_EQ(c.method, Certificate::Method::Duals);
  EXPECT_EQ(c.groups[0].pods, (std::vector<std::uint32_t>{0, 2}));
  EXPECT_EQ(c.groups[0].per_node, 1);
  EXPECT_EQ(c.groups[2].headroom, 0);
  EXPECT_EQ(c.pools[0].at_most, 3);
  EXPECT_EQ(c.pools[0].offerings[0].mode, gpu::GpuMode::Cut);
  EXPECT_EQ(c.leaves[0].claims[0].worth, 999'999'999'999'999'999);
  EXPECT_EQ(c.leaves[0].claims[0].multipliers.forms,
            example.file.certificate.leaves[0].claims[0].multipliers.forms);
  EXPECT_FALSE(c.leaves[0].claims[0].by_multipliers);
  EXPECT_EQ(c.branches[0].right, 2U);
  EXPECT_EQ(again->nodes[0].pods, (std::vector<std::uint32_t>{0, 1}));
  EXPECT_EQ(again->nodes[0].used.memory_mib, 3072);
  EXPECT_TRUE(again->nodes[0].owned);
  EXPECT_TRUE(again->nodes[0].gpus[0].slices[1].headroom);
  EXPECT_EQ(again->nodes[0].gpus[3].slices[0].form.replicas, 4);
}

TEST(CertificateFile, NamesPodsOfOneNameApart) {
  const Example example;
  EXPECT_EQ(certificate_names(example.demand),
            (std::vector<std::string>{"ml/llm-0", "ml/llm-0#2", "ml/llm-1"}));
}

TEST(CertificateFile, ReadsAProofByTryingAll) {
  Example example;
  Certificate& c = example.file.certificate;
  c.method = Certificate::Method::Exact;
  c.leaves.clear();
  c.branches.clear();
  const auto again = example.read(example.text());
  ASSERT_TRUE(again.has_value()) << again.error().message();
  EXPECT_EQ(again->certificate.method, Certificate::Method::Exact);
}

TEST(CertificateFile, TellsWhatIsWrongAndWhere) {
  const Example example;
  struct Case {
    std::string what, by, says;
  };
  const Case cases[] = {
      {"kerf-certificate/1", "kerf-certificate/2",
       "format: \"kerf-certificate/2\"; this Kerf reads"},
      {"\"parts_per_micro_usd\": 1000000", "\"parts_per_micro_usd\": 1000", "parts_per_micro_usd"},
      {"\"duals\"", "\"guess\"", "method"},
      {"ml/llm-1", "ml/llm-7", "is no pod of the input; give the input"},
      {"p4d.24xlarge", "p9.24xlarge", "is no instance type"},
      {"\"reserved\"", "\"lent\"", "capacity_type"},
      {"1g.5gb+me", "9g.5gb", "is no form of A100-40"},
      {"time-sliced-4", "time-sliced-1", "is no form of A100-40"},
      {"time-sliced-4", "time-sliced-999", "is no form of A100-40"},
      {"999999999999999999", "1000000000000000001", "worth"},
      {"999999999999999999", "-1", "worth"},
      {"999999999999999999", "99999999999999999999999", "worth"},
      {"999999999999999999", "1.5", "worth"},
      {"\"at_most\": 3", "\"at_most\": -3", "at_most"},
      {"\"per_node\"", "\"per_noed\"", "did you mean per_node?"},
      {"\"headroom\": true", "\"headroom\": 1", "expected true or false"},
      {"\"bound_micro_usd_per_hour\": 21957642,", "", "bound_micro_usd_per_hour is missing"},
      {"{", "", "proof.json"},
  };
  for (const Case& c : cases) {
    const std::string said = example.complaint(c.what, c.by);
    EXPECT_NE(said.find(c.says), std::string::npos) << c.what << " -> " << c.by << ": " << said;
    EXPECT_EQ(said.rfind("proof.json", 0), 0U) << said;
  }
}

}  // namespace
}  // namespace kerf::codec
