// Tests of Store: what is not believed, and for how long.
#include "core/controller/store.h"

#include <gtest/gtest.h>

#include <string>

namespace kerf::controller {
namespace {

using control::Kind;

control::Pod pod(const std::string& uid, control::Version version) {
  control::Pod pod;
  pod.meta.ns = "ml";
  pod.meta.name = "a";
  pod.meta.uid = uid;
  pod.meta.version = version;
  return pod;
}

TEST(Store, DoesNotBelieveWhatComesLateOfAnObjectThatIsGone) {
  Store store;
  EXPECT_TRUE(store.see(pod("u", 1)));
  EXPECT_TRUE(store.lose(Kind::Pod, {"ml", "a"}, "u"));
  EXPECT_FALSE(store.see(pod("u", 2)));
  EXPECT_EQ(store.pod("u"), nullptr);
  EXPECT_TRUE(store.see(pod("v", 3))) << "another of its name";
  store.listed(Kind::Pod);
  EXPECT_TRUE(store.see(pod("u", 4))) << "nothing is late after a list";
}

TEST(Store, BelievesWhatStayedAndIsOfUseAgain) {
  Store store;
  store.see(pod("u", 1));
  EXPECT_TRUE(store.lose(Kind::Pod, {"ml", "a"}, "u", true));
  EXPECT_FALSE(store.lose(Kind::Pod, {"ml", "a"}, "u", true)) << "it was lost";
  EXPECT_EQ(store.pod("u"), nullptr);
  EXPECT_TRUE(store.see(pod("u", 2)));
  EXPECT_NE(store.pod("u"), nullptr);
}

TEST(Store, RemembersTheLastThatWent) {
  Store store;
  for (std::size_t i = 0; i <= Store::kGoneMax; ++i)
    store.lose(Kind::Pod, {"ml", "a"}, "u" + std::to_string(i));
  store.lose(Kind::Pod, {"ml", "a"}, "u1");  // known already
  EXPECT_FALSE(store.see(pod("u1", 1)));
  EXPECT_FALSE(store.see(pod("u" + std::to_string(Store::kGoneMax), 1)));
  EXPECT_TRUE(store.see(pod("u0", 1))) << "so much is kept, and no more";
}

}  // namespace
}  // namespace kerf::controller
