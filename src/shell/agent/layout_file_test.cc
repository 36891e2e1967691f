// Tests of following a layout file: what is refused and when, what a change does.
#include "shell/agent/layout_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/temporary_folder_testing.h"
#include "codec/layout_file.h"

namespace kerf::shell {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string layout(int start, const std::string& state = "Published") {
  return "gpus:\n- slices:\n  - {profile: 1g.10gb, start: " + std::to_string(start) +
         ", resource: nvidia.com/mig-1g.10gb, state: " + state + "}\n";
}

agent::Journal journal_with(int start, bool published) {
  agent::Journal journal;
  journal.gpus.push_back({"GPU-1",
                          {{"1g.10gb", static_cast<std::uint8_t>(start), "nvidia.com/mig-1g.10gb",
                            published, agent::Mark::Stands, false}}});
  return journal;
}

/// The file, and what became of it: "follow 3" by the start of its slice, "refuse: words".
class LayoutFileTest : public ::testing::Test {
 protected:
  void start(const std::string& text) {
    path_ = folder_.write("layout.yaml", text);
    LayoutFile::Hands hands;
    hands.read = [this](std::function<void(Result<control::GpuNodeSpec>)> use) {
      std::ifstream in(path_);
      const std::string now((std::istreambuf_iterator<char>(in)), {});
      use(codec::read_layout_file(now, path_));
    };
    hands.journal = [this]() -> Result<std::optional<agent::Journal>> {
      if (journal_error_) return fail(ErrorCode::Unavailable, "no disk");
      return journal_;
    };
    hands.warn = [this](const Error& error) { told("warn: " + error.message()); };
    hands.cordoned = [this](std::function<void(Result<bool>)> use) {
      if (slow_verdict_) verdict_ = std::move(use);
      else use(cordoned_);
    };
    hands.follow = [this](agent::Wanted wanted) {
      uids_.push_back(wanted.uid);
      told("follow " + std::to_string(wanted.spec.gpus.at(0).slices.at(0).start));
    };
    hands.refuse = [this](const Error& error) { told("refuse: " + error.message()); };
    file_ = std::make_unique<LayoutFile>(LayoutSource{path_}, loop_, std::move(hands));
    file_->start();
    loop_.run();
  }
  void told(std::string what) {
    told_.push_back(std::move(what));
    if (next_.empty()) {
      loop_.quit();
      return;
    }
    const auto step = std::move(next_.front());
    next_.erase(next_.begin());
    step();
  }

  TemporaryFolder folder_;
  std::string path_;
  runtime::Loop loop_;
  std::optional<agent::Journal> journal_;
  Result<bool> cordoned_ = false;
  bool slow_verdict_ = false;
  bool journal_error_ = false;
  std::function<void(Result<bool>)> verdict_;
  std::vector<std::string> told_;
  std::vector<std::string> uids_;
  std::vector<std::function<void()>> next_;  ///< after each thing told
  std::unique_ptr<LayoutFile> file_;
};

TEST_F(LayoutFileTest, IsFollowedAtOnceOnANewNode) {
  start(layout(0));
  EXPECT_THAT(told_, ElementsAre("follow 0"));
  EXPECT_TRUE(uids_[0].starts_with("file:"));
}

TEST_F(LayoutFileTest, IsFollowedWhenItChanges) {
  next_.push_back([this] { folder_.write("layout.yaml", layout(3)); });
  start(layout(0));
  EXPECT_THAT(told_, ElementsAre("follow 0", "follow 3"));
  EXPECT_NE(uids_[0], uids_[1]);
}

TEST_F(LayoutFileTest, StaysAsFollowedWhileTheFileIsWrong) {
  next_.push_back([this] { folder_.write("layout.yaml", "gpus: 3\n"); });
  next_.push_back([this] { folder_.write("layout.yaml", layout(3)); });
  start(layout(0));
  ASSERT_GE(told_.size(), 3U);
  EXPECT_EQ(told_.front(), "follow 0");
  EXPECT_THAT(told_[1], HasSubstr("refuse: "));
  EXPECT_THAT(told_[1], HasSubstr("layout.yaml:"));
  EXPECT_EQ(uids_.size() + std::count_if(told_.begin(), told_.end(),
                                         [](const auto& it) { return it.starts_with("refuse"); }),
            told_.size());
}

TEST_F(LayoutFileTest, TakesAPublishedSliceOfNoNodeThatIsNotCordoned) {
  journal_ = journal_with(5, true);
  start(layout(0));
  ASSERT_EQ(told_.size(), 1U);
  EXPECT_THAT(told_[0], HasSubstr("refuse: the layout takes a published slice"));
  EXPECT_THAT(told_[0], HasSubstr("the node is not cordoned"));
  EXPECT_THAT(told_[0], HasSubstr("gpu0/1g.10gb@5 (nvidia.com/mig-1g.10gb) would go"));
}

TEST_F(LayoutFileTest, TakesNoneEitherWhereThatIsNotKnown) {
  journal_ = journal_with(5, true);
  cordoned_ = fail(ErrorCode::Unavailable, "no answer");
  start(layout(0));
  EXPECT_THAT(told_[0], HasSubstr("whether the node is cordoned is not known: no answer"));
}

TEST_F(LayoutFileTest, TakesItFromACordonedNode) {
  journal_ = journal_with(5, true);
  cordoned_ = true;
  start(layout(0));
  EXPECT_THAT(told_, ElementsAre("follow 0"));
}

TEST_F(LayoutFileTest, ParksNoPublishedSliceAndTakesAParkedOne) {
  journal_ = journal_with(0, true);
  next_.push_back([this] {
    journal_ = journal_with(5, false);
    file_->again();
  });
  start(layout(0, "Parked"));
  ASSERT_EQ(told_.size(), 2U);
  EXPECT_THAT(told_[0], HasSubstr("refuse: "));
  EXPECT_EQ(told_[1], "follow 0");
}

// The answer to an old question must not bring back what stands in the file no more.
TEST_F(LayoutFileTest, FollowsTheNewestFileAfterASlowVerdict) {
  journal_ = journal_with(5, true);
  slow_verdict_ = true;
  next_.push_back([] {});  // follow 0, by the verdict
  loop_.after(50, [this] {
    folder_.write("layout.yaml", layout(5));  // takes nothing: needs no cordon
    loop_.after(50, [this] { verdict_(true); });
  });
  start(layout(0));
  EXPECT_THAT(told_, ElementsAre("follow 0", "follow 5"));
}

TEST_F(LayoutFileTest, TakesNothingWhileTheJournalCannotBeRead) {
  journal_error_ = true;
  start(layout(0));
  EXPECT_THAT(told_[0], HasSubstr("refuse: what is published is not known: no disk"));
}

}  // namespace
}  // namespace kerf::shell
