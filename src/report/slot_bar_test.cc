// Drawings of GPUs, as people see them.
#include "report/slot_bar.h"

#include <gtest/gtest.h>

#include "report/report_testing.h"
#include "report/text.h"

namespace kerf::report {
namespace {

class SlotBar : public ::testing::Test {
 protected:
  plan::SlicePlan held(const std::string& model, const std::string& profile, int start) const {
    return {e_.slice_form(model, profile), static_cast<std::uint8_t>(start), 0, false};
  }
  plan::SlicePlan open(const std::string& model, const std::string& profile, int start) const {
    return {e_.slice_form(model, profile), static_cast<std::uint8_t>(start)};
  }
  const gpu::Model& model(const std::string& key) const { return *e_.market.gpus.find(key); }

  testing::Example e_;
};

TEST_F(SlotBar, ShowsSlicesInProportionToTheirSlots) {
  plan::GpuPlan gpu;
  gpu.slices = {held("A100-80", "1g.10gb", 0), open("A100-80", "1g.10gb", 1),
                held("A100-80", "3g.40gb", 4)};
  EXPECT_EQ(slot_bar(model("A100-80"), gpu, true),
            "│1g.10gb │▒ free ▒│░░░░░░░░░░░░░░░░░│              3g.40gb              │");
  EXPECT_EQ(slot_bar(model("A100-80"), gpu, false),
            "|1g.10gb |. free .|-----------------|              3g.40gb              |");
}

TEST_F(SlotBar, NamesTheFreeSliceWhereThereIsRoom) {
  plan::GpuPlan gpu;
  gpu.slices = {open("A100-80", "3g.40gb", 0), open("A100-80", "3g.40gb", 4)};
  gpu.slices[1].headroom = true;
  EXPECT_EQ(slot_bar(model("A100-80"), gpu, false),
            "|.......... free 3g.40gb ...........|.......... kept 3g.40gb ...........|");
}

TEST_F(SlotBar, DrawsGpusThatAreNotCut) {
  plan::GpuPlan gpu;
  EXPECT_EQ(slot_bar(model("T4"), gpu, false), "|......... idle .........|");
  gpu.slices = {{gpu::Form{}, 0, 0, false}};
  EXPECT_EQ(slot_bar(model("T4"), gpu, false), "|        whole T4        |");
  gpu::Form third;
  third.kind = gpu::FormKind::TimeSliced;
  third.replicas = 3;
  gpu.slices = {{third, 0, 0, false}, {third, 1, 1, false}, {third, 2}};
  EXPECT_EQ(slot_bar(model("T4"), gpu, false), "|   1/3   |   1/3   |. free ..|");
}

TEST_F(SlotBar, NeverGrowsBeyondItsLimit) {
  for (const gpu::Model& model : e_.market.gpus.models) {
    for (std::size_t p = 0; p < model.profiles.size(); ++p) {
      plan::GpuPlan gpu;
      gpu::Form form;
      form.kind = gpu::FormKind::Slice;
      form.profile = static_cast<std::uint8_t>(p);
      gpu.slices = {{form, 0, 0, false}, {form, 3}, {form, 200}};  // the last two may be illegal
      for (const bool unicode : {true, false})
        EXPECT_LE(columns(slot_bar(model, gpu, unicode)), kSlotBarMax) << model.key;
    }
  }
  plan::GpuPlan crowded;
  gpu::Form replica;
  replica.kind = gpu::FormKind::TimeSliced;
  for (int n : {2, 8, 12, 29, 30, 255}) {
    replica.replicas = static_cast<std::uint8_t>(n);
    crowded.slices.assign(static_cast<std::size_t>(n), {replica, 0, 0, false});
    EXPECT_LE(columns(slot_bar(model("L4"), crowded, true)), kSlotBarMax) << n;
  }
}

}  // namespace
}  // namespace kerf::report
