// A fleet with every form, and how a test shows that each breach of a rule is reported.
#pragma once

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "core/check/check_testing.h"

namespace kerf::check::testing {

/// A fleet in which every form has a pod:
///   node 0 p5.8xlarge    whole H100 (trainer) | 1g.10gb+me@0 (video) 1g.10gb@1 free
///   node 1 p4d.12xlarge  3g.20gb@0 (llm-0) 3g.20gb@4 (llm-1) | 1g.5gb@0 (small) 2g.10gb@2 (ten)
///   node 2 g4dn.xlarge   two of four turns (turn-0, turn-1)
///   node 3 g4dn.xlarge   whole T4 (any)
///   node 4 g6f.large     1/8 L4 (two)
/// and one pod that cannot be placed (odd).
struct Fleet : World {
  std::uint32_t trainer, video, llm0, llm1, small, ten, turn0, turn1, any, two, odd;

  Fleet() {
    using cluster::Isolation;
    trainer = pod("trainer", {whole(1, 80)});
    video = pod("video", {slice("1g.10gb+me")});
    llm0 = pod("llm", {slice("3g.20gb")});
    llm1 = like(demand.pods[llm0].shape);
    small = pod("small", {slice("1g.5gb")});
    ten = pod("ten", {portable(10)});
    turn0 = pod("turn", {portable(4, Isolation::Shared)});
    turn1 = like(demand.pods[turn0].shape);
    any = pod("any", {whole()});
    two = pod("two", {portable(2, Isolation::Isolated)});
    odd = pod("odd", {slice("9g.1gb")});
    const std::uint32_t p5 = node(kP5);
    give(p5, 0, all(p5), 0, trainer);
    give(p5, 1, cut(p5, "1g.10gb+me"), 0, video);
    give(p5, 1, cut(p5, "1g.10gb"), 1);
    const std::uint32_t p4d = node(kP4d);
    give(p4d, 0, cut(p4d, "3g.20gb"), 0, llm0);
    give(p4d, 0, cut(p4d, "3g.20gb"), 4, llm1);
    give(p4d, 1, cut(p4d, "1g.5gb"), 0, small);
    give(p4d, 1, cut(p4d, "2g.10gb"), 2, ten);
    const std::uint32_t shared = node(kG4dn);
    for (std::uint8_t turn = 0; turn < 2; ++turn) {
      give(shared, 0, other(shared, gpu::FormKind::TimeSliced, 4), turn, turn == 0 ? turn0 : turn1);
    }
    on_g4dn(any);
    const std::uint32_t g6f = node(kG6f);
    give(g6f, 0, other(g6f, gpu::FormKind::Fraction), 0, two);
    leave_out(odd);
    finish();
  }
};

/// A change that breaks one rule, and words that the complaint must have.
template <class W>
struct Breach {
  std::string rule;
  std::function<void(W&)> break_it;
  std::string words;
};

inline bool says(const std::vector<std::string>& complaints, const std::string& words) {
  return std::any_of(complaints.begin(), complaints.end(), [&](const std::string& complaint) {
    return complaint.find(words) != std::string::npos;
  });
}

inline std::string listed(const std::vector<std::string>& complaints) {
  std::string all;
  for (const std::string& complaint : complaints) all += "\n  " + complaint;
  return all.empty() ? "no complaint" : all;
}

/// Each breach, on a world of its own that holds without it, is reported with those words.
template <class W>
void expect_reported(const std::vector<Breach<W>>& breaches) {
  for (const Breach<W>& breach : breaches) {
    W world;
    ASSERT_EQ(listed(world.complaints()), "no complaint");
    breach.break_it(world);
    EXPECT_TRUE(says(world.complaints(), breach.words))
        << breach.rule << ": expected \"" << breach.words << "\", got "
        << listed(world.complaints());
  }
}

}  // namespace kerf::check::testing
