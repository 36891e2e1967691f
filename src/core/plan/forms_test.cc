// forms_for: the forms in which each instance type serves each kind of request.
#include <gtest/gtest.h>

#include "core/plan/admission.h"
#include "core/plan/plan_testing.h"

namespace kerf::plan {
namespace {

using cluster::GpuRequest;
using cluster::GpuRequestKind;
using cluster::Isolation;
using Names = std::vector<std::string>;

GpuRequest portable(std::int32_t gib, Isolation isolation = Isolation::Enforced) {
  GpuRequest request = testing::portable(gib);
  request.isolation = isolation;
  return request;
}
GpuRequest share(GpuRequestKind kind, std::int32_t milli) {
  GpuRequest request;
  request.kind = kind;
  request.share_milli = milli;
  return request;
}
GpuRequest whole_of(std::int32_t gib) {
  GpuRequest request = testing::whole();
  request.gib = gib;
  return request;
}

/// The forms as people name them.
Names forms(const GpuRequest& request, const std::string& type,
            const cluster::Policy& policy = {}) {
  static const market::Market market = testing::market();
  const market::InstanceType& instance = *market.type_named(type);
  Names names;
  for (const gpu::Form& form : forms_for(request, market, instance, policy))
    names.push_back(gpu::describe(market.model_of(instance), form));
  return names;
}

struct Case {
  GpuRequest request;
  const char* type;
  Names forms;
};

void expect_forms(const std::vector<Case>& cases, const cluster::Policy& policy = {}) {
  for (std::size_t i = 0; i < cases.size(); ++i)
    EXPECT_EQ(forms(cases[i].request, cases[i].type, policy), cases[i].forms)
        << "case " << i << ": " << cluster::describe({cases[i].request}) << " on " << cases[i].type;
}

const Names kA100 = {"whole A100-40", "1g.10gb", "2g.10gb", "3g.20gb", "4g.20gb", "7g.40gb"};
const Names kH100 = {"whole H100-80", "1g.10gb", "1g.20gb", "2g.20gb",
                     "3g.40gb",       "4g.40gb", "7g.80gb"};

Names and_also(Names names, const Names& more) {
  names.insert(names.end(), more.begin(), more.end());
  return names;
}

TEST(Forms, APortableRequestTakesWhateverEnforcesEnoughMemory) {
  expect_forms({
      {portable(10), "p4d.24xlarge", kA100},
      {portable(10), "p5.4xlarge", kH100},
      {portable(10), "p5.48xlarge", kH100},
      {portable(10), "g7e.2xlarge", {"whole RTX-PRO-6000", "1g.24gb", "2g.48gb", "4g.96gb"}},
      {portable(10), "g6.xlarge", {"whole L4"}},
      {portable(10), "g4dn.xlarge", {"whole T4"}},
      {portable(10), "g6f.large", {}},
      {portable(10), "g6f.4xlarge", {"1/2 L4"}},
      {portable(12), "g6f.4xlarge", {"1/2 L4"}},
      {portable(16), "g6f.4xlarge", {}},
      {portable(16), "g4dn.xlarge", {"whole T4"}},
      {portable(20), "g4dn.xlarge", {}},
      {portable(24), "g6.xlarge", {"whole L4"}},
      {portable(40), "p4d.24xlarge", {"whole A100-40", "7g.40gb"}},
      {portable(48), "p4d.24xlarge", {}},
      {portable(96), "g7e.2xlarge", {"whole RTX-PRO-6000", "4g.96gb"}},
      {portable(32), "g7.2xlarge", {"whole RTX-PRO-4500"}},  // its placements are not known
  });
}

TEST(Forms, SharedRequestsTakeReplicasToo) {
  expect_forms({
      {portable(10, Isolation::Shared), "p4d.24xlarge",
       and_also(kA100, {"1/2 of A100-40, time-sliced", "1/3 of A100-40, time-sliced",
                        "1/4 of A100-40, time-sliced"})},
      {portable(10, Isolation::Shared), "g6.xlarge", {"whole L4", "1/2 of L4, time-sliced"}},
      {portable(8, Isolation::Shared), "g4dn.xlarge", {"whole T4", "1/2 of T4, time-sliced"}},
      {portable(10, Isolation::Shared), "g4dn.xlarge", {"whole T4"}},
      {portable(10, Isolation::Shared), "g6f.4xlarge", {"1/2 L4"}},
      {portable(10, Isolation::Isolated), "g6.xlarge", {"whole L4"}},
      {portable(10, Isolation::Isolated), "p4d.24xlarge", kA100},
  });
  cluster::Policy two_only;
  two_only.sharing.time_slicing_replicas = {2};
  expect_forms(
      {{portable(2, Isolation::Shared), "g4dn.xlarge", {"whole T4", "1/2 of T4, time-sliced"}}},
      two_only);
}

TEST(Forms, TheIsolationFloorCanOnlyRaiseARequest) {
  cluster::Policy enforced;
  enforced.isolation_floor = Isolation::Enforced;
  expect_forms({{portable(10, Isolation::Shared), "g6.xlarge", {"whole L4"}}}, enforced);
  cluster::Policy isolated;
  isolated.isolation_floor = Isolation::Isolated;
  isolated.sharing.offer_mps = true;
  expect_forms({{portable(10, Isolation::Shared), "g6.xlarge", {"whole L4"}},
                {portable(10), "g6.xlarge", {"whole L4"}}},
               isolated);
}

TEST(Forms, MpsIsTakenOnlyWhereItIsOffered) {
  cluster::Policy mps;
  mps.sharing.offer_mps = true;
  expect_forms({{portable(10), "g6.xlarge", {"whole L4", "1/2 of L4, MPS"}},
                {portable(10, Isolation::Isolated), "g6.xlarge", {"whole L4"}},
                {portable(10, Isolation::Shared),
                 "g6.xlarge",
                 {"whole L4", "1/2 of L4, time-sliced", "1/2 of L4, MPS"}}},
               mps);
}

TEST(Forms, ASliceIsServedByItsProfileAlone) {
  expect_forms({
      {testing::slice("1g.10gb"), "p4d.24xlarge", {"1g.10gb"}},
      {testing::slice("1g.10gb"), "p5.4xlarge", {"1g.10gb"}},
      {testing::slice("1g.10gb"), "g7e.2xlarge", {}},
      {testing::slice("1g.10gb"), "g6.xlarge", {}},
      {testing::slice("1g.5gb"), "p4d.24xlarge", {"1g.5gb"}},
      {testing::slice("1g.5gb"), "p5.4xlarge", {}},
      {testing::slice("1g.5gb+me"), "p4d.24xlarge", {"1g.5gb+me"}},
      {testing::slice("1g.24gb-me"), "g7e.2xlarge", {"1g.24gb-me"}},
      {testing::slice("7g.80gb"), "p5.4xlarge", {"7g.80gb"}},
      {testing::slice("1g.16gb"), "g7.2xlarge", {}},
  });
}

TEST(Forms, AWholeGpuIsNeverAPart) {
  expect_forms({
      {whole_of(0), "p4d.24xlarge", {"whole A100-40"}},
      {whole_of(40), "p4d.24xlarge", {"whole A100-40"}},
      {whole_of(41), "p4d.24xlarge", {}},
      {whole_of(24), "g6.xlarge", {"whole L4"}},
      {whole_of(25), "g6.xlarge", {}},
      {whole_of(0), "g6f.large", {}},
      {whole_of(0), "g6f.4xlarge", {}},
      {whole_of(0), "g7.2xlarge", {"whole RTX-PRO-4500"}},
  });
}

TEST(Forms, AShareOfMemoryTakesTheFewestSlotsThatSuffice) {
  const auto memory = [](std::int32_t milli) {
    return share(GpuRequestKind::ShareOfMemory, milli);
  };
  expect_forms({
      // A100-80: 8 slots. 0.46 is 3.68 slots, so 4: 3g and 4g have them.
      {memory(460), "p4de.24xlarge", {"3g.40gb", "4g.40gb"}},
      {memory(1), "p4de.24xlarge", {"1g.10gb"}},
      {memory(125), "p4de.24xlarge", {"1g.10gb"}},
      {memory(126), "p4de.24xlarge", {"1g.20gb", "2g.20gb"}},
      {memory(500), "p4de.24xlarge", {"3g.40gb", "4g.40gb"}},
      {memory(501), "p4de.24xlarge", {"7g.80gb"}},
      {memory(999), "p4de.24xlarge", {"7g.80gb"}},
      // RTX PRO 6000: 12 slots, 3 for each quarter.
      {memory(250), "g7e.2xlarge", {"1g.24gb"}},
      {memory(251), "g7e.2xlarge", {"2g.48gb"}},
      {memory(501), "g7e.2xlarge", {"4g.96gb"}},
      {memory(100), "g7.2xlarge", {}},
      {memory(100), "g6.xlarge", {}},
      {memory(100), "g6f.large", {}},
  });
}

TEST(Forms, AShareOfComputeTakesTheNearestAndTheSmallerOfTwo) {
  const auto compute = [](std::int32_t milli) {
    return share(GpuRequestKind::ShareOfCompute, milli);
  };
  expect_forms({
      // A100-80: 7 compute slices. 0.46 is 3.22.
      {compute(460), "p4de.24xlarge", {"3g.40gb"}},
      {compute(1), "p4de.24xlarge", {"1g.10gb"}},    // 1g.20gb is as near, and has more slots
      {compute(214), "p4de.24xlarge", {"1g.10gb"}},  // 1.498
      {compute(215), "p4de.24xlarge", {"2g.20gb"}},  // 1.505
      {compute(785), "p4de.24xlarge", {"4g.40gb"}},  // 5.495: 1.495 from 4, 1.505 from 7
      {compute(786), "p4de.24xlarge", {"7g.80gb"}},  // 5.502
      // RTX PRO 6000: 1g, 2g and 4g of four; 0.375 and 0.75 lie in the middle.
      {compute(375), "g7e.2xlarge", {"1g.24gb"}},
      {compute(376), "g7e.2xlarge", {"2g.48gb"}},
      {compute(750), "g7e.2xlarge", {"2g.48gb"}},
      {compute(751), "g7e.2xlarge", {"4g.96gb"}},
      {compute(460), "g7.2xlarge", {}},
      {compute(460), "g6.xlarge", {}},
      {compute(460), "g6f.large", {}},
  });
}

}  // namespace
}  // namespace kerf::plan
