// A month: what stands all the time, what runs for hours, and who pays the node that both share.
#include "core/plan/month.h"

#include <gtest/gtest.h>

#include <numeric>

namespace kerf::plan {
namespace {

/// Workload 0 is always on, 1 runs 100 hours, 2 runs 10.5, of 3 nobody said.
cluster::Demand demand() {
  cluster::Demand demand;
  for (const double hours : {730.0, 100.0, 10.5, 0.0}) {
    cluster::Workload workload;
    workload.transient = hours != 730;
    workload.hours_per_month = hours;
    demand.workloads.push_back(workload);
  }
  return demand;
}

using Months = std::vector<std::int64_t>;

TEST(MonthBill, CountsANodeAllMonthIfAnythingOnItIsAlwaysOn) {
  const cluster::Demand d = demand();
  MonthBill bill(d);
  bill.add({1000}, {{0, {600}}, {3, {400}}}, false);
  EXPECT_EQ(bill.micro_usd(), 730'000);
  EXPECT_EQ(bill.transient().micro, 0);
  EXPECT_EQ(bill.by_workload(), (Months{730'000, 0, 0, 0}))
      << "the Job runs in room that stands anyway";
}

TEST(MonthBill, LetsJobsPayTheirHoursOfASharedNode) {
  const cluster::Demand d = demand();
  MonthBill bill(d);
  bill.add({1000}, {{0, {600}}, {1, {400}}}, false);
  EXPECT_EQ(bill.micro_usd(), 730'000);
  EXPECT_EQ(bill.by_workload(), (Months{690'000, 40'000, 0, 0}));
}

TEST(MonthBill, PaysANodeOfJobsForTheLongestOfThem) {
  const cluster::Demand d = demand();
  MonthBill bill(d);
  bill.add({1000}, {{1, {600}}, {2, {400}}}, false);
  EXPECT_EQ(bill.micro_usd(), 100'000);
  EXPECT_EQ(bill.transient().micro, 1000);
  const Months& months = bill.by_workload();
  EXPECT_EQ(std::accumulate(months.begin(), months.end(), std::int64_t{0}), 100'000);
  // By part times hours: 60,000 and 4,200 of 64,200.
  EXPECT_EQ(months, (Months{0, 93'458, 6'542, 0}));
}

TEST(MonthBill, KeepsJobsWithoutHoursOutOfTheMonth) {
  const cluster::Demand d = demand();
  MonthBill bill(d);
  bill.add({1000}, {{3, {1000}}}, false);
  EXPECT_EQ(bill.micro_usd(), 0);
  EXPECT_EQ(bill.transient().micro, 1000);
  EXPECT_EQ(bill.by_workload(), (Months{0, 0, 0, 0}));
}

TEST(MonthBill, CountsHeadroomAsAlwaysOn) {
  const cluster::Demand d = demand();
  MonthBill bill(d);
  bill.add({1000}, {}, true);
  bill.add({1000}, {{1, {1000}}}, true);
  EXPECT_EQ(bill.micro_usd(), 1'460'000);
  EXPECT_EQ(bill.transient().micro, 0);
  EXPECT_EQ(bill.by_workload(), (Months{0, 100'000, 0, 0}));
}

}  // namespace
}  // namespace kerf::plan
