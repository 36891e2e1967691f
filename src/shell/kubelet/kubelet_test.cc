// Tests of Kubelet: lists, registration, restarts of kubelet, and whatever else becomes of a name.
#include "shell/kubelet/kubelet.h"

#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>

#include "shell/kubelet/kubelet_testing.h"
#include "shell/kubelet/plugins.h"

namespace kerf::kubelet {
namespace {

using agent::Code;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

using Lists = Node;

TEST_F(Lists, AreWithKubeletWhole) {
  start_both();
  ASSERT_TRUE(served({device(0), device(1, false)}));
  ASSERT_TRUE(fake_.wait([&] { return !fake_.healthy(kSmall).empty(); }));
  EXPECT_THAT(fake_.healthy(kSmall), ElementsAre(id(0)));
  EXPECT_THAT(fake_.unhealthy(kSmall), ElementsAre(id(1)));

  ASSERT_TRUE(served({device(1)}));
  ASSERT_TRUE(fake_.wait([&] { return fake_.healthy(kSmall).contains(id(1)); }));
  EXPECT_THAT(fake_.healthy(kSmall), ElementsAre(id(1)));
  EXPECT_THAT(fake_.unhealthy(kSmall), IsEmpty());
  EXPECT_EQ(fake_.registrations(kSmall), 1) << "a list needs only the stream that is open";

  const agent::Confirmed confirmed = this->confirmed();
  EXPECT_TRUE(confirmed.known);
  EXPECT_THAT(confirmed.healthy.at(kSmall), ElementsAre(id(1)));
}

TEST_F(Lists, GoAwayByAnEmptyListThatStaysServed) {
  start_both();
  ASSERT_TRUE(served({device(0)}));
  ASSERT_TRUE(served({}));
  ASSERT_TRUE(fake_.wait([&] { return fake_.lists(kSmall) == 2; }));
  EXPECT_THAT(fake_.healthy(kSmall), IsEmpty());
  EXPECT_EQ(fake_.streams(kSmall), 1);
  EXPECT_FALSE(inbox_.has<agent::Dropped>());
}

TEST_F(Lists, OfSeveralResourcesHaveASocketEach) {
  start_both();
  ASSERT_TRUE(served({device(0)}));
  ASSERT_TRUE(served({device(4, true, "3g.40gb")}, kLarge));
  ASSERT_TRUE(fake_.wait([&] { return !fake_.healthy(kLarge).empty(); }));
  EXPECT_THAT(fake_.healthy(kSmall), ElementsAre(id(0)));
  EXPECT_TRUE(std::filesystem::is_socket(options_.folder + "/kerf-nvidia.com_mig-1g.10gb.sock"));
  EXPECT_TRUE(std::filesystem::is_socket(options_.folder + "/kerf-nvidia.com_mig-3g.40gb.sock"));
}

TEST_F(Lists, ThatComeWhileRegistrationIsUnderWayReplaceTheOneBefore) {
  start_both();
  fake_.hang_registration(true);
  const agent::EffectId first = serve({device(0)});
  const agent::EffectId second = serve({device(1)});
  EXPECT_EQ(outcome(first), Code::Unknown) << "it has no say any more";
  fake_.hang_registration(false);
  EXPECT_EQ(outcome(second), Code::Success);
  ASSERT_TRUE(fake_.wait([&] { return !fake_.healthy(kSmall).empty(); }));
  EXPECT_THAT(fake_.healthy(kSmall), ElementsAre(id(1)));
  EXPECT_EQ(fake_.registrations(kSmall), 1);
}

TEST_F(Lists, AreNotDoneBeforeKubeletHasOpenedAStream) {
  options_.serve_deadline = std::chrono::milliseconds(100);
  start_both();
  fake_.register_without_stream(true);
  EXPECT_EQ(outcome(serve({device(0)})), Code::Timeout);
  EXPECT_EQ(fake_.registrations(kSmall), 1);
  fake_.register_without_stream(false);
  options_.serve_deadline = std::chrono::seconds(60);
  // A Serve that follows registers again.
  EXPECT_TRUE(fake_.wait([&] { return outcome(serve({device(0)})) == Code::Success; }));
  EXPECT_GE(fake_.registrations(kSmall), 2);
}

TEST_F(Lists, AreNotDoneIfKubeletRefusesOrHangs) {
  options_.register_deadline = std::chrono::milliseconds(100);
  start_both();
  fake_.fail_registration(true);
  EXPECT_EQ(outcome(serve({device(0)})), Code::Unknown);
  fake_.fail_registration(false);
  fake_.hang_registration(true);
  EXPECT_EQ(outcome(serve({device(0)})), Code::Unknown) << "its deadline";
  // The late Register connects all the same, and its stream is as good as any.
  fake_.hang_registration(false);
  ASSERT_TRUE(fake_.wait([&] { return !fake_.healthy(kSmall).empty(); }));
  EXPECT_TRUE(served({device(0), device(1)}));
}

TEST_F(Lists, AreNotDoneWhileKubeletIsAway) {
  start();
  EXPECT_EQ(outcome(serve({device(0)})), Code::NotFound);
  EXPECT_FALSE(confirmed().known);
  EXPECT_FALSE(holders(agent::Source::PodResources).known);
  EXPECT_FALSE(holders(agent::Source::Checkpoint).known);
  EXPECT_FALSE(holders(agent::Source::Processes).known) << "not kubelet's to say";
}

TEST_F(Lists, OfANameThatIsNoneAreRefused) {
  start_both();
  for (const char* name : {"", "/x", "x/", "gpu", "nvidia.com/..\n/x", "a b/c"})
    EXPECT_EQ(outcome(serve({device(0)}, name)), Code::InvalidArgument) << name;
}

TEST_F(Lists, ServedAgainUnchangedRegisterAnew) {
  start_both();
  ASSERT_TRUE(served({device(0)}));
  ASSERT_TRUE(served({device(0)})) << "the mind says so when kubelet lost it";
  EXPECT_EQ(fake_.registrations(kSmall), 2);
  ASSERT_TRUE(fake_.wait([&] { return fake_.lists(kSmall) == 2; }));
  EXPECT_EQ(fake_.streams(kSmall), 2) << "the old stream stays open, or kubelet ends the new one";
  ASSERT_TRUE(served({device(1)}));
  ASSERT_TRUE(fake_.wait([&] { return fake_.healthy(kSmall).contains(id(1)); }));
  EXPECT_EQ(fake_.lists(kSmall), 3) << "nothing more is written to the old stream";
  EXPECT_FALSE(inbox_.has<agent::Dropped>());
}

TEST_F(Lists, ReachOnlyTheNewestStreamIfKubeletConnectsTwice) {
  start_both();
  ASSERT_TRUE(served({device(0)}));
  fake_.connect_again(kSmall);
  ASSERT_TRUE(fake_.wait([&] { return fake_.lists(kSmall) == 2; })) << "the list as it stands";
  ASSERT_TRUE(served({device(0), device(1)}));
  ASSERT_TRUE(fake_.wait([&] { return fake_.healthy(kSmall).size() == 2; }));
  EXPECT_EQ(fake_.lists(kSmall), 3);
  EXPECT_EQ(fake_.streams(kSmall), 2);
  EXPECT_FALSE(inbox_.has<agent::Dropped>());
}

TEST_F(Lists, ThatKubeletDoesNotReadDoNotBlockAnything) {
  options_.serve_deadline = std::chrono::milliseconds(200);
  start_both();
  ASSERT_TRUE(served({device(0)}));
  ASSERT_TRUE(fake_.wait([&] { return fake_.lists(kSmall) == 1; }));
  fake_.stop_reading(true);
  std::vector<agent::ServedDevice> many;
  for (int i = 0; i < 4000; ++i) many.push_back({"gpu0-1g.10gb-" + std::to_string(i), true});
  // The connection's window takes a few; then one is not written.
  std::optional<Code> code = Code::Success;
  for (int i = 0; i < 100 && code == Code::Success; ++i) {
    many.pop_back();
    code = outcome(serve(many));
  }
  EXPECT_EQ(code, Code::Timeout);
  EXPECT_TRUE(confirmed().known);
  fake_.stop_reading(false);
  ASSERT_TRUE(fake_.wait([&] { return fake_.healthy(kSmall).size() == many.size(); }))
      << "it arrives in the end";
}

using Restarts = Node;

TEST_F(Restarts, OfKubeletAreToldAndEverythingIsServedAnew) {
  start_both();
  ASSERT_TRUE(served({device(0)}));
  fake_.restart();
  ASSERT_TRUE(inbox_.take<agent::Kubelet>([](const auto& it) { return it.up; }));
  EXPECT_THAT(fake_.healthy(kSmall), IsEmpty()) << "nothing is sent by itself";
  EXPECT_FALSE(inbox_.has<agent::Dropped>());
  ASSERT_TRUE(served({device(0)}));
  ASSERT_TRUE(fake_.wait([&] { return !fake_.healthy(kSmall).empty(); }));
  EXPECT_EQ(fake_.registrations(kSmall), 1);
}

TEST_F(Restarts, EndWhatIsInFlight) {
  start_both();
  fake_.hang_registration(true);
  const agent::EffectId effect = serve({device(0)});
  ASSERT_TRUE(fake_.wait([&] { return fake_.hanging() == 1; }));
  fake_.restart();
  const auto code = outcome(effect);
  ASSERT_TRUE(code);
  EXPECT_NE(*code, Code::Success);
  ASSERT_TRUE(inbox_.take<agent::Kubelet>([](const auto& it) { return it.up; }));
  fake_.hang_registration(false);
  ASSERT_TRUE(served({device(1)}));
  ASSERT_TRUE(fake_.wait([&] { return !fake_.healthy(kSmall).empty(); }));
  EXPECT_THAT(fake_.healthy(kSmall), ElementsAre(id(1)));
}

TEST_F(Restarts, AKilledKubeletIsAwayAlthoughItsSocketIsThere) {
  start_both();
  ASSERT_TRUE(served({device(0)}));
  fake_.kill();
  ASSERT_TRUE(inbox_.take<agent::Kubelet>([](const auto& it) { return !it.up; }));
  EXPECT_TRUE(std::filesystem::is_socket(options_.folder + "/kubelet.sock"));
  EXPECT_FALSE(inbox_.has<agent::Dropped>());
  EXPECT_EQ(outcome(serve({device(0)})), Code::NotFound);
  fake_.start();
  ASSERT_TRUE(inbox_.take<agent::Kubelet>([](const auto& it) { return it.up; }));
}

TEST_F(Restarts, ASocketThatIsRemovedMeansThatKubeletIsAway) {
  start_both();
  std::filesystem::remove(options_.folder + "/kubelet.sock");
  ASSERT_TRUE(inbox_.take<agent::Kubelet>([](const auto& it) { return !it.up; }));
}

TEST_F(Restarts, AFolderThatIsRemovedAndMadeAgainIsWatchedAgain) {
  start_both();
  ASSERT_TRUE(served({device(0)}));
  fake_.kill();
  std::filesystem::remove_all(options_.folder);
  ASSERT_TRUE(inbox_.take<agent::Kubelet>([](const auto& it) { return !it.up; }));
  fake_.start();
  ASSERT_TRUE(inbox_.take<agent::Kubelet>([](const auto& it) { return it.up; }));
  ASSERT_TRUE(served({device(0)}));
}

TEST_F(Restarts, OfTheAgentRemoveItsOldSocketsAndNoOthers) {
  const auto leave = [&](const std::string& name) {
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    const std::string path = options_.folder + "/" + name;
    std::memcpy(address.sun_path, path.data(), path.size());
    const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
    ASSERT_EQ(::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    ::close(fd);
  };
  std::filesystem::create_directories(options_.folder);
  leave("kerf-nvidia.com_gpu.sock");
  leave("nvidia-gpu.sock");
  leave("kerf-x.txt");
  std::ofstream(options_.folder + "/kerf-file.sock") << "not a socket";
  start();
  std::set<std::string> left;
  for (const auto& entry : std::filesystem::directory_iterator(options_.folder))
    left.insert(entry.path().filename());
  EXPECT_THAT(left, UnorderedElementsAre("nvidia-gpu.sock", "kerf-x.txt", "kerf-file.sock"));
}

using Drops = Node;

TEST_F(Drops, AreToldIfAStreamEndsWithoutARestart) {
  start_both();
  ASSERT_TRUE(served({device(0)}));
  fake_.end_stream(kSmall);
  const auto dropped = inbox_.take<agent::Dropped>();
  ASSERT_TRUE(dropped);
  EXPECT_EQ(dropped->resource, kSmall);
  EXPECT_TRUE(served({device(0)}));
  EXPECT_TRUE(fake_.wait([&] { return !fake_.healthy(kSmall).empty(); }));
}

TEST_F(Drops, AreToldIfSomebodyRemovesThePluginsSocket) {
  start_both();
  ASSERT_TRUE(served({device(0)}));
  std::filesystem::remove(options_.folder + "/kerf-nvidia.com_mig-1g.10gb.sock");
  const auto dropped = inbox_.take<agent::Dropped>();
  ASSERT_TRUE(dropped);
  EXPECT_EQ(dropped->resource, kSmall);
  EXPECT_FALSE(inbox_.has<agent::Kubelet>());
  EXPECT_TRUE(served({device(0)}));
  EXPECT_TRUE(std::filesystem::is_socket(options_.folder + "/kerf-nvidia.com_mig-1g.10gb.sock"));
}

TEST_F(Drops, AnotherPluginThatTakesTheNameIsToldAndSoIsItsEnd) {
  start_both();
  ASSERT_TRUE(served({device(0)}));
  ASSERT_TRUE(fake_.wait([&] { return !fake_.healthy(kSmall).empty(); }));
  fake_.foreign(kSmall, {"MIG-11111111-2222-3333-4444-555555555555"});
  const auto foreign = inbox_.take<agent::ForeignPlugins>();
  ASSERT_TRUE(foreign);
  EXPECT_THAT(foreign->resources, ElementsAre(kSmall));
  EXPECT_TRUE(inbox_.take<agent::Dropped>());
  EXPECT_EQ(fake_.streams(kSmall), 1) << "to end ours would make kubelet end the other's";

  fake_.end_foreign(kSmall);
  const auto none = inbox_.take<agent::ForeignPlugins>();
  ASSERT_TRUE(none);
  EXPECT_THAT(none->resources, IsEmpty());
  ASSERT_TRUE(served({device(0)}));
  EXPECT_TRUE(fake_.wait([&] { return fake_.healthy(kSmall).contains(id(0)); }));
  EXPECT_EQ(fake_.registrations(kSmall), 2);
}

TEST_F(Drops, AnotherPluginIsToldBeforeKubelet) {
  fake_.start();
  fake_.foreign("nvidia.com/gpu", {"GPU-1"});
  fake_.foreign("example.com/nic", {"nic0"});
  start();
  ASSERT_TRUE(fake_.wait([&] { return inbox_.has<agent::Kubelet>(); }));
  const std::vector<agent::Event> events = inbox_.all();
  ASSERT_TRUE(std::holds_alternative<agent::ForeignPlugins>(events[0]));
  EXPECT_THAT(std::get<agent::ForeignPlugins>(events[0]).resources, ElementsAre("nvidia.com/gpu"))
      << "nobody else's names";
  ASSERT_TRUE(std::holds_alternative<agent::Kubelet>(events[1]));
  EXPECT_TRUE(std::get<agent::Kubelet>(events[1]).up);
}

TEST(Endpoints, AreFileNamesThatDifferAndFit) {
  EXPECT_EQ(endpoint_of("nvidia.com/mig-1g.10gb", "/var/lib/kubelet/device-plugins"),
            "kerf-nvidia.com_mig-1g.10gb.sock");
  const std::string folder(60, 'f');
  const std::string one = endpoint_of("kerf.dev/" + std::string(60, 'x') + "1", folder);
  const std::string two = endpoint_of("kerf.dev/" + std::string(60, 'x') + "2", folder);
  EXPECT_NE(one, two);
  EXPECT_LE(folder.size() + 1 + one.size(), 107u);
}

}  // namespace
}  // namespace kerf::kubelet
