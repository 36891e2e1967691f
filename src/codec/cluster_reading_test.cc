// Clusters from documents: which objects count, in which order, and what a snapshot keeps of them.
#include "codec/cluster_reading.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "base/prng.h"
#include "codec/json.h"
#include "codec/live_objects_testing.h"
#include "codec/snapshot.h"
#include "codec/timestamp.h"

namespace kerf::codec {
namespace {

using codec::testing::object_of;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::vector<Document> documents_of(std::string_view json) {
  auto document = parse_json(json, "cluster.json");
  EXPECT_TRUE(document) << document.error().message();
  std::vector<Document> all;
  if (document) all.push_back(*std::move(document));
  return all;
}

ClusterReading reading_of(const std::vector<Document>& documents) {
  auto reading = read_cluster_documents(documents, "snapshot cluster.json");
  EXPECT_TRUE(reading) << reading.error().message();
  return reading ? *std::move(reading) : ClusterReading{};
}

std::string refusal_of(std::string_view json) {
  const auto reading = read_cluster_documents(documents_of(json), "x");
  EXPECT_FALSE(reading);
  return reading ? "" : reading.error().message();
}

std::vector<std::string> names_of(const KindReading& kind) {
  std::vector<std::string> names;
  for (const Node& item : kind.items) {
    const Node* const ns = item.find("metadata")->find("namespace");
    names.push_back((ns == nullptr ? "" : ns->text + "/") +
                    item.find("metadata")->find("name")->text);
  }
  return names;
}

constexpr std::string_view kPlain = R"({"apiVersion": "v1", "kind": "List", "items": [
  {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "b"}},
  {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "a"}},
  {"apiVersion": "v1", "kind": "Pod", "metadata": {"namespace": "z", "name": "a"}},
  {"apiVersion": "v1", "kind": "Pod", "metadata": {"namespace": "a", "name": "z"}},
  {"apiVersion": "v1", "kind": "Pod", "metadata": {"namespace": "a", "name": "z", "uid": "again"}},
  {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "no"}, "data": {"k": "c2VjcmV0"}},
  {"apiVersion": "karpenter.sh/v1beta1", "kind": "NodeClaim", "metadata": {"name": "claim"}},
  {"apiVersion": "example.com/v1", "kind": "Pod", "metadata": {"name": "another group's"}}]})";

TEST(ClusterKinds, NameEachKindOnceAndSayWhatIsLackingWithoutIt) {
  std::set<std::string_view> kinds;
  std::set<std::string_view> resources;
  for (const ClusterKind& kind : cluster_kinds()) {
    EXPECT_TRUE(kinds.insert(kind.kind).second) << kind.kind;
    EXPECT_TRUE(resources.insert(kind.resource).second) << kind.resource;
    EXPECT_FALSE(kind.without.empty()) << kind.kind;
    EXPECT_EQ(cluster_kind(kind.api_version, kind.kind), &kind);
    const std::size_t slash = kind.api_version.find('/');
    if (slash == std::string_view::npos) EXPECT_EQ(kind.resource.find('.'), kind.resource.npos);
    else EXPECT_THAT(kind.resource, ::testing::EndsWith(kind.api_version.substr(0, slash)));
  }
}

TEST(ClusterKinds, TakeAnyVersionOfTheGroupAndNoOtherGroup) {
  EXPECT_NE(cluster_kind("karpenter.sh/v1beta1", "NodePool"), nullptr);
  EXPECT_NE(cluster_kind("resource.k8s.io/v1beta2", "DeviceClass"), nullptr);
  EXPECT_EQ(cluster_kind("kyverno.io/v1", "ClusterPolicy"), nullptr);
  EXPECT_EQ(cluster_kind("karpenter.sh/v1", "Pod"), nullptr);
  EXPECT_EQ(cluster_kind("v1", "Secret"), nullptr);
  EXPECT_EQ(cluster_kind("v1", "ConfigMap"), nullptr);
}

TEST(ClusterReading, TakesPlainOutputOfKubectlInOrderAndOnce) {
  const ClusterReading reading = reading_of(documents_of(kPlain));
  EXPECT_EQ(reading.source, "snapshot cluster.json");
  EXPECT_EQ(reading.kinds.size(), cluster_kinds().size());
  EXPECT_THAT(names_of(reading.of("Node")), ElementsAre("a", "b"));
  EXPECT_THAT(names_of(reading.of("Pod")), ElementsAre("a/z", "z/a"));
  EXPECT_THAT(names_of(reading.of("NodeClaim")), ElementsAre("claim"));
  EXPECT_EQ(reading.of("NodePool").state, KindState::Absent);
  EXPECT_EQ(reading.of("NodePool").why, "not in the input");
  EXPECT_EQ(write_json(snapshot_node(reading)).find("c2VjcmV0"), std::string::npos);
}

TEST(ClusterReading, TellsEntriesOfTypedListsWhatTheyAre) {
  const ClusterReading reading = reading_of(documents_of(
      R"({"apiVersion": "v1", "kind": "PodList", "items": [{"metadata": {"name": "a"}}]})"));
  ASSERT_EQ(reading.of("Pod").items.size(), 1u);
  EXPECT_EQ(reading.of("Pod").items[0].find("kind")->text, "Pod");
  EXPECT_EQ(reading.of("Pod").items[0].find("apiVersion")->text, "v1");
}

TEST(ClusterReading, RefusesWhatHasNoKubernetesObject) {
  EXPECT_THAT(refusal_of(R"({"a": 1})"), HasSubstr("no Kubernetes object is in it"));
  EXPECT_THAT(refusal_of("[]"), HasSubstr("kubectl get nodes,pods -A -o json"));
  EXPECT_FALSE(read_cluster_documents({}, "x"));
}

TEST(ClusterReading, KnowsDocumentsThatDescribeACluster) {
  EXPECT_TRUE(describes_cluster(documents_of(kPlain)));
  EXPECT_TRUE(describes_cluster(documents_of(
      R"({"apiVersion": "v1", "kind": "NodeList", "items": [{"metadata": {"name": "a"}}]})")));
  EXPECT_TRUE(describes_cluster(
      documents_of(R"({"apiVersion": "kerf.dev/snapshot/v9", "kind": "Snapshot"})")));
  for (const char* text :
       {R"({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}})", "{}", "[]",
        R"({"apiVersion": "v1", "kind": "NodeList", "items": []})",
        R"({"apiVersion": "example.com/v1", "kind": "Node", "metadata": {"name": "a"}})"})
    EXPECT_FALSE(describes_cluster(documents_of(text))) << text;
}

constexpr std::string_view kPage =
    "# HELP go_goroutines Number of goroutines\n"
    "go_goroutines 7\n"
    "# HELP karpenter_build_info A metric with a constant '1'\n"
    "karpenter_build_info{version=\"1.9.0\"} 1\r\n"
    "# TYPE karpenter_cloudprovider_instance_type_offering_price_estimate gauge\n"
    "karpenter_cloudprovider_instance_type_offering_price_estimate{instance_type=\"g6.xlarge\"} "
    "0.8\n"
    "karpenter_cloudprovider_instance_type_offering_available{instance_type=\"g6.xlarge\"} 1\n"
    "karpenter_cloudprovider_instance_type_memory_bytes{instance_type=\"g6.xlarge\"} 1\n";

TEST(Snapshot, KeepsThePriceSeriesOfAPageAlone) {
  EXPECT_EQ(kept_series(kPage),
            "# HELP karpenter_build_info A metric with a constant '1'\n"
            "karpenter_build_info{version=\"1.9.0\"} 1\n"
            "# TYPE karpenter_cloudprovider_instance_type_offering_price_estimate gauge\n"
            "karpenter_cloudprovider_instance_type_offering_price_estimate{instance_type=\"g6."
            "xlarge\"} 0.8\n"
            "karpenter_cloudprovider_instance_type_offering_available{instance_type=\"g6.xlarge\"}"
            " 1\n");
  EXPECT_EQ(kept_series(""), "");
  EXPECT_EQ(kept_series(kept_series(kPage)), kept_series(kPage));
}

/// A reading with every state and what a live one has.
ClusterReading full_reading() {
  ClusterReading reading = reading_of(documents_of(kPlain));
  reading.context = "prod";
  reading.server_version = "v1.36.3";
  reading.only_namespace = "team-a";
  reading.taken_ms = parse_timestamp("2026-11-29T16:00:00Z").value();
  reading.kinds[3].state = KindState::Forbidden;
  reading.kinds[3].items.clear();
  reading.kinds[3].why = "Error from server (Forbidden)";
  reading.kinds[4].state = KindState::Failed;
  reading.kinds[4].why = "it ends in the middle";
  reading.pages.push_back({"kube-system/karpenter-1", kept_series(kPage), ""});
  reading.pages.push_back(
      {"kube-system/karpenter-2", "", "Error from server (ServiceUnavailable)"});
  return reading;
}

void expect_same(const ClusterReading& a, const ClusterReading& b) {
  EXPECT_EQ(a.context, b.context);
  EXPECT_EQ(a.server_version, b.server_version);
  EXPECT_EQ(a.only_namespace, b.only_namespace);
  EXPECT_EQ(a.taken_ms, b.taken_ms);
  ASSERT_EQ(a.kinds.size(), b.kinds.size());
  for (std::size_t i = 0; i < a.kinds.size(); ++i) {
    EXPECT_EQ(a.kinds[i].kind, b.kinds[i].kind);
    EXPECT_EQ(a.kinds[i].state, b.kinds[i].state) << a.kinds[i].kind->kind;
    EXPECT_EQ(a.kinds[i].why, b.kinds[i].why);
    ASSERT_EQ(a.kinds[i].items.size(), b.kinds[i].items.size()) << a.kinds[i].kind->kind;
    for (std::size_t k = 0; k < a.kinds[i].items.size(); ++k)
      EXPECT_EQ(write_json(a.kinds[i].items[k]), write_json(b.kinds[i].items[k]));
  }
  ASSERT_EQ(a.pages.size(), b.pages.size());
  for (std::size_t i = 0; i < a.pages.size(); ++i) {
    EXPECT_EQ(a.pages[i].pod, b.pages[i].pod);
    EXPECT_EQ(a.pages[i].text, b.pages[i].text);
    EXPECT_EQ(a.pages[i].why, b.pages[i].why);
  }
}

TEST(Snapshot, ReadsBackAsTheSameReading) {
  const ClusterReading reading = full_reading();
  const std::string text = write_json(snapshot_node(reading));
  const ClusterReading again = reading_of(documents_of(text));
  expect_same(reading, again);
  EXPECT_EQ(write_json(snapshot_node(again)), text);
  ClusterReading moved = full_reading();
  EXPECT_EQ(write_json(snapshot_node(std::move(moved))), text);
}

TEST(Snapshot, IsRefusedInAVersionThatIsNotKnown) {
  EXPECT_THAT(refusal_of(R"({"apiVersion": "kerf.dev/snapshot/v9", "kind": "Snapshot"})"),
              HasSubstr("a snapshot of the version \"kerf.dev/snapshot/v9\"; this Kerf reads "
                        "kerf.dev/snapshot/v1alpha1"));
}

TEST(Snapshot, IsReadAlone) {
  std::vector<Document> both = documents_of(write_json(snapshot_node(full_reading())));
  both.push_back(documents_of(kPlain).front());
  const auto reading = read_cluster_documents(both, "x");
  ASSERT_FALSE(reading);
  EXPECT_THAT(reading.error().message(), HasSubstr("a snapshot is read alone"));
}

TEST(Snapshot, SaysWhichFieldIsWrong) {
  const std::string good = write_json(snapshot_node(full_reading()));
  for (const auto& [from, to, says] : std::vector<std::array<std::string_view, 3>>{
           {"\"2026-11-29T16:00:00Z\"", "\"today\"", "taken"},
           {"\"Forbidden\"", "\"Hidden\"", "kinds[3].state"},
           {"\"context\": \"prod\"", "\"context\": 7", "context"},
           {"\"state\": \"Failed\",", "", "state is missing"}}) {
    EXPECT_THAT(refusal_of(codec::testing::replaced(good, from, to)), HasSubstr(says)) << to;
  }
}

TEST(Snapshot, OfOtherKindsIsPassedOverAndMissingOnesAreAbsent) {
  const ClusterReading reading = reading_of(documents_of(
      R"({"apiVersion": "kerf.dev/snapshot/v1alpha1", "kind": "Snapshot", "kinds": [
          {"kind": "Comet", "apiVersion": "example.com/v1", "state": "Read", "items": [{}]},
          {"kind": "Node", "apiVersion": "v1", "state": "Read", "items": []}]})"));
  EXPECT_EQ(reading.of("Node").state, KindState::Read);
  EXPECT_EQ(reading.of("Pod").state, KindState::Absent);
  EXPECT_EQ(reading.of("Pod").why, "not in the snapshot");
}

TEST(Snapshot, CannotSmuggleInWhatAClusterCouldNot) {
  const ClusterReading reading = reading_of(documents_of(
      R"({"apiVersion": "kerf.dev/snapshot/v1alpha1", "kind": "Snapshot", "kinds": [
          {"kind": "Node", "apiVersion": "v1", "state": "Read", "items": [
            {"metadata": {"name": "a"}, "extra": "x", "spec": {"podCIDR": "10.0.0.0/24"}}]}],
          "pages": [{"pod": "a/b", "lines": ["secret_metric 1"]}]})"));
  EXPECT_EQ(write_json_line(reading.of("Node").items.at(0)),
            R"({"apiVersion": "v1","kind": "Node","metadata": {"name": "a"},"spec": {}})");
  EXPECT_EQ(reading.pages.at(0).text, "");
}

TEST(Snapshot, OrderDoesNotDependOnTheInput) {
  std::vector<std::string> texts;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Prng prng(seed);
    Node list = documents_of(kPlain).front().root;
    Node* const items = const_cast<Node*>(list.find("items"));
    std::erase_if(items->items, [](const Node& item) {
      return item.find("metadata")->find("uid") != nullptr;  // of two the first counts
    });
    for (std::size_t i = items->items.size(); i > 1; --i)
      std::swap(items->items[i - 1], items->items[prng.below(i)]);
    texts.push_back(write_json(snapshot_node(reading_of(documents_of(write_json(list))))));
    EXPECT_EQ(texts.front(), texts.back()) << seed;
  }
}

}  // namespace
}  // namespace kerf::codec
