// The parts that stand alone: the journal's text, shapes of forms, the checker of traces.
#include <gtest/gtest.h>

#include "base/prng.h"
#include "codec/catalogue.h"
#include "core/agent/shape.h"
#include "core/agent/trace_testing.h"
#include "core/agent/world_testing.h"

namespace kerf::agent {
namespace {

Journal example() {
  Journal journal{"boot", "uid", 7, {}};
  journal.gpus.push_back({"GPU-1",
                          {{"2g.10gb", 0, "nvidia.com/mig-2g.10gb", true, Mark::Stands, false},
                           {"1g.5gb+me", 2, "kerf.dev/gpu-5gi", false, Mark::Making, false},
                           {"3g.20gb", 4, "nvidia.com/mig-3g.20gb", true, Mark::Going, true}}});
  journal.gpus.push_back({"GPU-2", {}});
  return journal;
}

TEST(JournalText, ReadsBackWhatItWrote) {
  const Journal journal = example();
  EXPECT_EQ(journal_from_text(to_text(journal)).value(), journal);
  EXPECT_EQ(journal_from_text(to_text(Journal{})).value(), Journal{});
}

TEST(JournalText, RefusesEveryPrefixAndWhatFollowsTheEnd) {
  const std::string text = to_text(example());
  for (std::size_t length = 0; length < text.size(); ++length)
    EXPECT_FALSE(journal_from_text(std::string_view(text).substr(0, length))) << length;
  EXPECT_FALSE(journal_from_text(text + "\n"));
}

TEST(JournalText, ReadsNothingFromAByteThatIsChangedOrReadsItBackTheSame) {
  const std::string text = to_text(example());
  Prng prng(5);
  for (int i = 0; i < 20'000; ++i) {
    std::string changed = text;
    changed[prng.below(changed.size())] = static_cast<char>(prng.below(256));
    const auto journal = journal_from_text(changed);
    if (!journal) continue;
    EXPECT_EQ(to_text(*journal), changed);
  }
}

TEST(JournalText, IsBounded) {
  Journal journal;
  journal.gpus.resize(65);
  EXPECT_FALSE(journal_from_text(to_text(journal)));
  journal.gpus.resize(1);
  for (std::uint8_t i = 0; i < 65; ++i) journal.gpus[0].devices.push_back({"1g.5gb", i, "r"});
  EXPECT_FALSE(journal_from_text(to_text(journal)));
  EXPECT_EQ(journal_from_text(std::string(70'000, '\n')).error().code(), ErrorCode::TooLarge);
}

TEST(Shape, OfEveryProfileIsFoundAgainByItsId) {
  for (const gpu::Model& model : codec::builtin_catalogue().models) {
    if (!model.cuttable()) continue;
    for (const gpu::Profile& profile : model.profiles)
      for (const std::uint8_t start : profile.starts) {
        const auto shape = shape_of(&model, profile.name, start);
        ASSERT_TRUE(shape) << model.key << " " << profile.name;
        EXPECT_EQ(shape->profile, profile.id);
        EXPECT_EQ(shape->size, profile.slots);
        EXPECT_EQ(form_of(&model, profile.id, start), profile.name);
      }
  }
}

TEST(Shape, OfWhatIsNoFormIsNone) {
  const gpu::Model* model = codec::builtin_catalogue().find("A100-40");
  for (const char* form : {"", "whole ", "replica/", "replica/1", "replica/17", "replica/+4",
                           "replica/04", "replica/4x", "1g.10gb ", "1G.5gb"})
    EXPECT_FALSE(shape_of(model, form, 0)) << form;
  EXPECT_FALSE(shape_of(model, "replica/4", 4));
  EXPECT_FALSE(shape_of(model, "whole", 1));
  EXPECT_FALSE(shape_of(nullptr, "1g.5gb", 0));
  EXPECT_TRUE(shape_of(nullptr, "whole", 0));
}

TEST(DeviceId, IsReadBackAndNothingElseIs) {
  for (const char* form : {"1g.5gb", "1g.24gb-me", "1g.24gb+me.all", "whole", "replica/4"}) {
    const auto name = parse_device_id(control::device_id(12, form, 3));
    ASSERT_TRUE(name) << form;
    EXPECT_EQ(name->gpu, 12U);
    EXPECT_EQ(name->form, form);
    EXPECT_EQ(name->start, 3);
  }
  for (const char* id :
       {"", "gpu", "gpu0", "gpu0/1g.5gb", "gpu0/@1", "gpu00/1g.5gb@1", "gpu/1g.5gb@1",
        "gpu0-1g.5gb-1", "gpu0@1", "@/", "gpu0/1g.5gb@-1", "gpu0/1g.5gb@", "MIG-8c2f-11",
        "gpu0/1g.5gb@01", "gpu0/1g.5gb@256", "gpu0/1g.5gb@99999999999"})
    EXPECT_FALSE(parse_device_id(id)) << id;
}

using FactKind = Fact::Kind;

/// Hand-made traces, each with one breach, and what the checker has to say of it.
TEST(Breaches, FindsEachPlantedOne) {
  const std::string d = "gpu0/1g.5gb@0";
  const Fact created{FactKind::Created, d, "", {}};
  const Fact offered{FactKind::Taken, "", "r", {{d, true}}};
  const Fact parked{FactKind::Taken, "", "r", {{d, false}}};
  const Fact unlisted{FactKind::Taken, "", "r", {}};
  const Fact picked{FactKind::Picked, d, "r", {}};
  const Fact granted{FactKind::Granted, d, "r", {}};
  const Fact held{FactKind::Held, d, "", {}};
  const Fact released{FactKind::Released, d, "", {}};
  const Fact destroyed{FactKind::Destroyed, d, "", {}};
  const Fact reported{FactKind::Reported, "", "", {{d, true}}};
  struct Case {
    Trace trace;
    std::vector<std::string> said;
  };
  const std::vector<Case> cases = {
      {{created, offered, reported, picked, granted, held, released, parked, destroyed, unlisted},
       {}},
      {{created, offered, picked, granted, held, parked, destroyed},
       {d + " was destroyed while held"}},
      {{{FactKind::Foreign, d, "", {}}, destroyed}, {d + " was destroyed and is not Kerf's"}},
      {{{FactKind::Unwritten, d, "", {}}}, {d + " was changed before the journal said so"}},
      {{{FactKind::Overtaken, "", "r", {}}}, {"r got a list before it took the last"}},
      {{created, offered, destroyed}, {d + " was destroyed while offered"}},
      {{created, offered, unlisted}, {d + " was unlisted while offered"}},
      {{created, offered, picked, parked, unlisted},
       {d + " was unlisted in the midst of an allocation: kubelet crashes"}},
      {{created, parked, reported}, {d + " is said to be published"}},
      {{created, offered, {FactKind::Reset, "", "", {}}, reported},
       {d + " is said to be published"}},
      {{offered}, {d + " is offered and not there"}},
      {{created, {FactKind::Rebooted, "", "", {}}, offered}, {d + " is offered and not there"}},
      {{created, offered, picked, parked, destroyed, granted},
       {d + " was granted and is not there"}},
      {{created, offered, picked, {FactKind::Refused, d, "r", {}}}, {d + " was refused"}},
      {{created, held, granted}, {d + " was granted while " + d + " is held"}},
      {{{FactKind::Created, "gpu0/whole@0", "", {}},
        {FactKind::Held, "gpu0/replica/4@1", "", {}},
        {FactKind::Granted, "gpu0/whole@0", "r", {}}},
       {"gpu0/whole@0 was granted while gpu0/replica/4@1 is held"}},
      {{{FactKind::Created, "gpu0/replica/4@0", "", {}},
        {FactKind::Held, "gpu0/replica/4@1", "", {}},
        {FactKind::Held, "gpu1/whole@0", "", {}},
        {FactKind::Granted, "gpu0/replica/4@0", "r", {}}},
       {}},
  };
  for (std::size_t i = 0; i < cases.size(); ++i)
    EXPECT_EQ(breaches(cases[i].trace), cases[i].said) << i;
}

}  // namespace
}  // namespace kerf::agent
