// Tests of forms: what a GPU offers, how it is called, and which slice never takes more room.
#include "core/gpu/form.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "codec/catalogue.h"
#include "core/gpu/geometry.h"

namespace kerf::gpu {
namespace {

using testing::ElementsAre;

const Model& model(std::string_view key) { return *codec::builtin_catalogue().find(key); }

Form slice(const Model& m, std::string_view name) {
  Form form;
  form.kind = FormKind::Slice;
  form.profile = static_cast<std::uint8_t>(m.profile_named(name).value());
  return form;
}

bool dominates_by_name(std::string_view key, std::string_view a, std::string_view b) {
  return dominates(model(key), slice(model(key), a), slice(model(key), b));
}

std::vector<std::string> names(const Model& m, const std::vector<Form>& forms) {
  std::vector<std::string> out;
  for (const Form& form : forms) out.push_back(describe(m, form));
  return out;
}

TEST(Form, ListsEverythingAGpuOffers) {
  SharingOptions sharing;
  sharing.time_slicing_replicas = {2, 4};
  EXPECT_THAT(names(model("A100-40"), forms_of(model("A100-40"), 1, sharing)),
              ElementsAre("whole A100-40", "1g.5gb", "1g.5gb+me", "1g.10gb", "2g.10gb", "3g.20gb",
                          "4g.20gb", "7g.40gb", "1/2 of A100-40, time-sliced",
                          "1/4 of A100-40, time-sliced"));
  EXPECT_THAT(names(model("RTX-PRO-5000"), forms_of(model("RTX-PRO-5000"), 1, sharing)),
              ElementsAre("whole RTX-PRO-5000", "1/2 of RTX-PRO-5000, time-sliced",
                          "1/4 of RTX-PRO-5000, time-sliced"))
      << "no slices where the placements are unknown";
  sharing.offer_mps = true;
  sharing.mps_replicas = {1, 3};
  EXPECT_THAT(names(model("T4"), forms_of(model("T4"), 1, sharing)),
              ElementsAre("whole T4", "1/2 of T4, time-sliced", "1/4 of T4, time-sliced",
                          "1/3 of T4, MPS"));
}

TEST(Form, AFractionalInstanceHasOneForm) {
  const std::vector<Form> forms = forms_of(model("L4"), 8, {});
  ASSERT_EQ(forms.size(), 1u);
  EXPECT_EQ(describe(model("L4"), forms[0]), "1/8 L4");
  EXPECT_EQ(forms[0].kind, FormKind::Fraction);
  EXPECT_EQ(forms[0].fraction, 8);
  EXPECT_EQ(forms[0].nominal_gb, 3);
  EXPECT_EQ(forms[0].memory_mib, 23034 / 8);
  EXPECT_TRUE(forms[0].memory_enforced());
  EXPECT_TRUE(forms[0].own_engine());
}

TEST(Form, HasTheNominalSizeThatRequestsAreComparedWith) {
  const Model& m = model("A100-40");
  for (const Form& form : forms_of(m, 1, {})) {
    switch (form.kind) {
      case FormKind::Whole:
        EXPECT_EQ(form.nominal_gb, 40);
        EXPECT_EQ(form.memory_mib, 40960);
        break;
      case FormKind::Slice:
        EXPECT_EQ(form.nominal_gb, m.profiles[form.profile].nominal_gb);
        EXPECT_EQ(form.memory_mib, m.profiles[form.profile].memory_mib);
        EXPECT_TRUE(form.memory_enforced() && form.own_engine());
        break;
      default:
        EXPECT_EQ(form.kind, FormKind::TimeSliced);
        EXPECT_EQ(form.nominal_gb, 40 / form.replicas) << "rounded down";
        EXPECT_FALSE(form.memory_enforced() || form.own_engine());
    }
  }
}

TEST(Form, UnknownMemoryStaysUnknown) {
  for (const Form& form : forms_of(model("V100-32"), 1, {})) EXPECT_EQ(form.memory_mib, 0);
}

TEST(Dominance, DropsWiderSlicesOfTheSameMemory) {
  EXPECT_TRUE(dominates_by_name("A100-40", "1g.10gb", "2g.10gb"));
  EXPECT_FALSE(dominates_by_name("A100-40", "2g.10gb", "1g.10gb")) << "it cannot start at 6";
  EXPECT_TRUE(dominates_by_name("A100-40", "3g.20gb", "4g.20gb"));
  EXPECT_FALSE(dominates_by_name("A100-40", "4g.20gb", "3g.20gb"));
  EXPECT_TRUE(dominates_by_name("A100-40", "1g.5gb", "7g.40gb"));
  EXPECT_FALSE(dominates_by_name("A100-40", "7g.40gb", "1g.5gb"));
}

TEST(Dominance, HoldsTheEnginesOfSpecialProfilesAgainstThem) {
  EXPECT_TRUE(dominates_by_name("A100-40", "1g.5gb", "1g.5gb+me"));
  EXPECT_FALSE(dominates_by_name("A100-40", "1g.5gb+me", "1g.5gb"));
  EXPECT_FALSE(dominates_by_name("A100-40", "1g.5gb+me", "1g.10gb"));
  EXPECT_FALSE(dominates_by_name("A30", "1g.6gb+me", "2g.12gb"));
  EXPECT_TRUE(dominates_by_name("A30", "1g.6gb+me", "2g.12gb+me"))
      << "both need the one JPEG engine";
  EXPECT_TRUE(dominates_by_name("RTX-PRO-6000", "1g.24gb-me", "1g.24gb")) << "truly takes less";
  EXPECT_FALSE(dominates_by_name("RTX-PRO-6000", "1g.24gb", "1g.24gb-me"));
}

TEST(Dominance, IsForSlicesOnly) {
  const Model& m = model("A100-40");
  const Form whole;
  EXPECT_FALSE(dominates(m, whole, whole));
  EXPECT_FALSE(dominates(m, slice(m, "7g.40gb"), whole));
  EXPECT_FALSE(dominates(m, whole, slice(m, "7g.40gb")));
}

/// What the word means, by the tables: wherever a `b` can be, an `a` can be instead, at the same
/// start, and then everything fits that fitted beside the `b`.
bool takes_no_room_that_b_leaves(const Geometry& g, std::uint8_t a, std::uint8_t b) {
  for (std::size_t i = 0; i < g.states(); ++i) {
    const auto s = static_cast<Geometry::State>(i);
    for (std::size_t k = 0; k < g.items().size(); ++k) {
      const Placed at = g.items()[k];
      if (at.profile != b || (g.addable(s) >> k & 1) == 0) continue;
      const auto instead = g.item({a, at.start});
      if (!instead || (g.addable(s) >> *instead & 1) == 0) return false;
      const std::uint64_t beside_b = g.addable(g.added(s, static_cast<Geometry::Item>(k)));
      if ((beside_b & ~g.addable(g.added(s, *instead))) != 0) return false;
    }
  }
  return true;
}

TEST(Dominance, IsExactOnEveryPairOfEveryModel) {
  int pairs = 0;
  for (const Model& m : codec::builtin_catalogue().models) {
    if (!m.cuttable()) continue;
    const Geometry g(m);
    for (const Profile& a : m.profiles) {
      for (const Profile& b : m.profiles) {
        const Form fa = slice(m, a.name);
        const Form fb = slice(m, b.name);
        EXPECT_EQ(dominates(m, fa, fb), takes_no_room_that_b_leaves(g, fa.profile, fb.profile))
            << m.key << ": " << a.name << " instead of " << b.name;
        ++pairs;
      }
    }
  }
  EXPECT_EQ(pairs, 12 * 49 + 25 + 121);
}

TEST(Dominance, IsTransitive) {
  for (const char* key : {"A100-40", "B300", "A30", "RTX-PRO-6000"}) {
    const Model& m = model(key);
    for (const Profile& a : m.profiles) {
      for (const Profile& b : m.profiles) {
        for (const Profile& c : m.profiles) {
          if (!dominates_by_name(key, a.name, b.name) || !dominates_by_name(key, b.name, c.name)) {
            continue;
          }
          EXPECT_TRUE(dominates_by_name(key, a.name, c.name)) << a.name << b.name << c.name;
        }
      }
    }
  }
}

}  // namespace
}  // namespace kerf::gpu
