// Names of resources and what they may stand for.
#include "core/agent/promise.h"

#include <gtest/gtest.h>

#include "codec/catalogue.h"
#include "core/control/names.h"

namespace kerf::agent {
namespace {

const gpu::Model* model(const char* key) { return codec::builtin_catalogue().find(key); }

std::string said(const gpu::Model* of, const std::string& form, const std::string& resource) {
  return illegal(of, {{{form, 0, resource, true}}});
}

TEST(Promise, OfEachFormMayBeMadeUnderTheseNamesOnly) {
  struct Case {
    const char* model;
    const char* form;
    const char* resource;
    bool honest;
  };
  const std::vector<Case> cases = {
      {"A100-40", "1g.5gb", "nvidia.com/mig-1g.5gb", true},
      {"A100-40", "1g.5gb+me", "nvidia.com/mig-1g.5gb.me", true},
      {"A100-40", "1g.5gb", "nvidia.com/mig-1g.5gb.me", false},
      {"A100-40", "1g.5gb+me", "nvidia.com/mig-1g.5gb+me", false},
      {"A100-40", "2g.10gb", "nvidia.com/mig-1g.5gb", false},
      {"A100-40", "1g.5gb", "nvidia.com/gpu", false},
      {"A100-40", "1g.5gb", "nvidia.com/gpu.shared", false},
      {"A100-40", "7g.40gb", "nvidia.com/gpu", false},
      {"A100-40", "1g.5gb", "kerf.dev/gpu-5gi", true},
      {"A100-40", "1g.5gb", "kerf.dev/gpu-4gi-isolated", true},
      {"A100-40", "1g.5gb", "kerf.dev/gpu-2gi-shared", true},
      {"A100-40", "1g.5gb", "kerf.dev/gpu-6gi", false},
      {"A100-40", "1g.5gb", "kerf.dev/gpu-3gi", false},
      {"A100-40", "1g.5gb", "kerf.dev/gpu-05gi", false},
      {"A100-40", "1g.5gb", "kerf.dev/gpu-5gi-mine", false},
      {"A100-40", "1g.5gb", "kerf.dev/gpu-5", false},
      {"A100-40", "1g.5gb", "kerf.dev/gpu--5gi", false},
      {"A100-40", "1g.5gb", "example.com/gpu", false},
      {"A100-40", "1g.5gb", "", false},
      {"A100-40", "whole", "nvidia.com/gpu", true},
      {"A100-40", "whole", "kerf.dev/gpu-40gi-isolated", true},
      {"A100-40", "whole", "kerf.dev/gpu-48gi", false},
      {"A100-40", "whole", "nvidia.com/mig-7g.40gb", false},
      {"A100-40", "whole", "nvidia.com/gpu.shared", false},
      {"T4", "replica/4", "nvidia.com/gpu.shared", true},
      {"T4", "replica/4", "kerf.dev/gpu-4gi-shared", true},
      {"T4", "replica/4", "kerf.dev/gpu-4gi", false},
      {"T4", "replica/4", "kerf.dev/gpu-4gi-isolated", false},
      {"T4", "replica/4", "kerf.dev/gpu-5gi-shared", false},
      {"T4", "replica/4", "nvidia.com/gpu", false},
      {nullptr, "whole", "nvidia.com/gpu", true},
      {nullptr, "whole", "kerf.dev/gpu-2gi", false},
      {nullptr, "replica/2", "nvidia.com/gpu.shared", true},
      {nullptr, "replica/2", "kerf.dev/gpu-2gi-shared", false},
  };
  for (const Case& it : cases) {
    const gpu::Model* of = it.model == nullptr ? nullptr : model(it.model);
    EXPECT_EQ(said(of, it.form, it.resource).empty(), it.honest) << it.form << " " << it.resource;
  }
}

TEST(Promise, IsRefusedInWordsThatSayWhatToDo) {
  EXPECT_EQ(
      said(model("T4"), "replica/4", "nvidia.com/gpu"),
      "replica/4@0 may not be offered as \"nvidia.com/gpu\": expected nvidia.com/gpu.shared or "
      "kerf.dev/gpu-<M>gi-shared; change its resource in the GpuNode");
  EXPECT_EQ(
      said(model("T4"), "replica/4", "kerf.dev/gpu-4gi"),
      "replica/4@0 may not be offered as \"kerf.dev/gpu-4gi\": expected nvidia.com/gpu.shared or "
      "kerf.dev/gpu-<M>gi-shared, because replicas take turns and nothing keeps their memory "
      "apart; change its resource in the GpuNode");
  EXPECT_EQ(
      said(model("A100-40"), "1g.5gb", "kerf.dev/gpu-10gi"),
      "1g.5gb@0 may not be offered as \"kerf.dev/gpu-10gi\": expected nvidia.com/mig-1g.5gb or "
      "kerf.dev/gpu-<M>gi with M at most 5, which is what it has; change its resource in the "
      "GpuNode");
  EXPECT_EQ(
      said(model("T4"), "mps/4", "kerf.dev/gpu-4gi"),
      "mps/4@0: MPS is not served by this agent; expected a MIG profile, whole or replica/<n>: "
      "take replica/<n> if pods may share without memory kept apart, else a MIG profile");
  EXPECT_EQ(said(model("T4"), "replica/64", "nvidia.com/gpu.shared"),
            "replica/64@0: expected replica/2 to replica/16, and a start below that number");
  EXPECT_EQ(said(model("T4"), "1g.5gb", "nvidia.com/mig-1g.5gb"),
            "there is no 1g.5gb@0 on T4; expected whole or replica/<n>");
  EXPECT_LT(said(model("T4"), "whole", std::string(100'000, '\n')).size(), 300U);
  EXPECT_LT(said(model("T4"), std::string(100'000, 'x'), "").size(), 300U);
}

/// What Kerf names by itself, it may offer.
TEST(Promise, HoldsForEveryNaturalNameOfEveryForm) {
  for (const gpu::Model& of : codec::builtin_catalogue().models)
    for (int replicas = 1; replicas <= 16; ++replicas) {
      gpu::SharingOptions sharing;
      sharing.time_slicing_replicas = {static_cast<std::uint8_t>(replicas)};
      for (const gpu::Form& form : gpu::forms_of(of, 1, sharing)) {
        const std::string text = control::form_text(of, form);
        const auto shape = form.kind == gpu::FormKind::Slice
                               ? shape_of(&of, text, of.profiles[form.profile].starts.front())
                               : shape_of(&of, text, 0);
        ASSERT_TRUE(shape) << text;
        control::WantedSlice slice{text, shape->start, control::natural_resource(of, form), true};
        EXPECT_EQ(dishonest(&of, slice, *shape), "") << of.key;
      }
    }
}

}  // namespace
}  // namespace kerf::agent
