// Tests of the API's paths.
#include "shell/apiserver/resource.h"

#include <gtest/gtest.h>

namespace kerf::apiserver {
namespace {

const Resource kPods{"", "v1", "pods"};
const Resource kGpuNodes{"kerf.dev", "v1alpha1", "gpunodes"};

TEST(Paths, AreThoseOfKubernetes) {
  EXPECT_EQ(*path_of(Target{kPods, "default", "a", ""}), "/api/v1/namespaces/default/pods/a");
  EXPECT_EQ(*path_of(Target{kPods, "default", "a", "eviction"}),
            "/api/v1/namespaces/default/pods/a/eviction");
  EXPECT_EQ(*path_of(Target{kGpuNodes, "", "n1", "status"}),
            "/apis/kerf.dev/v1alpha1/gpunodes/n1/status");
  EXPECT_EQ(*path_of(Collection{kPods, "", "", ""}), "/api/v1/pods");
  EXPECT_EQ(*path_of(Collection{kGpuNodes, "", "", ""}), "/apis/kerf.dev/v1alpha1/gpunodes");
}

TEST(Paths, EncodeWhatIsNotPlain) {
  EXPECT_EQ(*path_of(Target{kPods, "d", "a:b c?d#e%2fä", ""}),
            "/api/v1/namespaces/d/pods/a%3Ab%20c%3Fd%23e%252f%C3%A4");
}

TEST(Paths, RefuseWhatIsNoSegment) {
  const std::string long_name(254, 'a');
  for (const std::string& name :
       {std::string(), std::string("."), std::string(".."), std::string("a/b"), long_name,
        std::string("a\nb"), std::string("a\0b", 3)}) {
    EXPECT_FALSE(path_of(Target{kPods, "d", name, ""})) << name;
    EXPECT_FALSE(path_of(Collection{{"", "v1", name}, "", "", ""})) << name;
  }
  EXPECT_FALSE(path_of(Target{kPods, "../kube-system", "a", ""}));
  EXPECT_FALSE(path_of(Target{kPods, "d", "a", "status/x"}));
}

TEST(Queries, AreEncodedInOrder) {
  EXPECT_EQ(query_text({}), "");
  EXPECT_EQ(query_text({{"watch", "1"}, {"labelSelector", "a=b,c!=d&e"}}),
            "?watch=1&labelSelector=a%3Db%2Cc%21%3Dd%26e");
  EXPECT_EQ(query_text(selectors(only(kPods, "d", "a"))), "?fieldSelector=metadata.name%3Da");
}

}  // namespace
}  // namespace kerf::apiserver
