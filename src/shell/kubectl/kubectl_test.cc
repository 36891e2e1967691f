// read_cluster() with programs that stand in for kubectl. tests/kubectl_test.py has the whole.
#include "shell/kubectl/kubectl.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/temporary_folder_testing.h"

namespace kerf::kubectl {
namespace {

using codec::KindState;
using std::chrono::milliseconds;
using testing::HasSubstr;

/// A shell script in place of kubectl; "$*" is its command line, and $here a folder of its own.
class Kubectl : public testing::Test {
 protected:
  KubectlOptions with(const std::string& script) {
    const std::string program = folder_.at("kubectl");
    std::ofstream(program) << "#!/bin/sh\nhere='" << folder_.at("") << "'\n" << script;
    std::filesystem::permissions(program, std::filesystem::perms::owner_all);
    KubectlOptions options;
    options.program = program;
    options.timeout = milliseconds(60'000);
    return options;
  }

  TemporaryFolder folder_;
};

constexpr const char* kEmptyList = "echo '{\"kind\": \"List\", \"items\": []}'\n";

TEST_F(Kubectl, IsAskedOnceBeforeItIsAskedSideBySide) {
  const auto reading = read_cluster(with(fmt::format(
      "case \"$*\" in version*) : >\"$here/knocked\" ;; *) [ -e \"$here/knocked\" ] || exit 9 ;; "
      "esac\n{}",
      kEmptyList)));
  ASSERT_TRUE(reading) << reading.error().message();
  for (const codec::KindReading& kind : reading->kinds)
    EXPECT_EQ(kind.state, KindState::Read) << kind.kind->kind << kind.why;
}

TEST_F(Kubectl, ThatIsNotDoneInTimeIsSaidOfTheKind) {
  KubectlOptions options =
      with(fmt::format("case \"$*\" in *nodepools*) exec sleep 1000 ;; esac\n{}", kEmptyList));
  options.timeout = milliseconds(5'000);
  const auto reading = read_cluster(options);
  ASSERT_TRUE(reading) << reading.error().message();
  EXPECT_EQ(reading->of("NodePool").state, KindState::Failed);
  EXPECT_EQ(reading->of("NodePool").why, "kubectl was not done in 5 s and was ended");
  EXPECT_EQ(reading->of("Pod").state, KindState::Read);
}

TEST_F(Kubectl, ThatNeverAnswersIsWaitedForOnce) {
  KubectlOptions options = with("echo x >>\"$here/calls\"\nexec sleep 1000\n");
  options.timeout = milliseconds(3'000);
  const auto reading = read_cluster(options);
  ASSERT_FALSE(reading);
  EXPECT_EQ(reading.error().code(), ErrorCode::Unavailable);
  EXPECT_THAT(reading.error().message(), HasSubstr("kubectl was not done in 3 s and was ended"));
  EXPECT_THAT(reading.error().message(), HasSubstr("log in first"));
  EXPECT_EQ(std::filesystem::file_size(folder_.at("calls")), 2u);
}

TEST_F(Kubectl, ThatIsNotThereIsAnErrorThatSaysWhatToDo) {
  KubectlOptions options;
  options.program = folder_.at("none");
  const auto reading = read_cluster(options);
  ASSERT_FALSE(reading);
  EXPECT_EQ(reading.error().code(), ErrorCode::NotFound);
  EXPECT_THAT(reading.error().message(), HasSubstr("install it or put it into PATH"));
}

TEST_F(Kubectl, ItemsOfTypedListsGetWhatTheyWereAskedFor) {
  const auto reading = read_cluster(
      with("case \"$*\" in *pods*|*podd*) echo '{\"items\": [{\"metadata\": {\"name\": \"b\"}}, "
           "{\"metadata\": {\"name\": \"a\"}}]}' ;; *) echo '{\"items\": []}' ;; esac\n"));
  ASSERT_TRUE(reading) << reading.error().message();
  const std::vector<codec::Node>& pods = reading->of("Pod").items;
  ASSERT_EQ(pods.size(), 2u);
  EXPECT_EQ(pods[0].find("metadata")->find("name")->text, "a");
  EXPECT_EQ(pods[0].find("kind")->text, "Pod");
  EXPECT_EQ(pods[0].find("apiVersion")->text, "v1");
  EXPECT_EQ(reading->of("PodDisruptionBudget").items.at(0).find("apiVersion")->text, "policy/v1");
}

TEST_F(Kubectl, WordsThatKubectlPrintsAreMadeSafe) {
  const auto reading = read_cluster(with(fmt::format(
      "case \"$*\" in *nodepools*) printf 'error: \\033[31mred' >&2; exit 1 ;; *current-context*) "
      "printf 'a\\033[2Jb\\nc' ; exit 0 ;; esac\n{}",
      kEmptyList)));
  ASSERT_TRUE(reading) << reading.error().message();
  EXPECT_EQ(reading->of("NodePool").why, "error: \\x1b[31mred");
  EXPECT_EQ(reading->context, "a\\x1b[2Jb");
}

}  // namespace
}  // namespace kerf::kubectl
