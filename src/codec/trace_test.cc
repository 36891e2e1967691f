// Tests of traces: what a row becomes under each map, what is refused, and the openb pod lists.
#include "codec/trace.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "codec/catalogue.h"
#include "codec/gpu_request.h"

namespace kerf::codec {
namespace {

using cluster::Demand;
using cluster::GpuRequest;
using cluster::GpuRequestKind;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::string_view kHeader = "name,cpu_milli,memory_mib,num_gpu,gpu_milli\n";

Result<Demand> read(const std::string& csv, TraceMap map, std::string reference = "") {
  Demand demand;
  const TraceOptions options{map, std::move(reference)};
  KERF_CHECK_OK(read_trace(csv, "dir/pods.csv", options, builtin_catalogue(), demand));
  return demand;
}

Result<Demand> rows(const std::string& text, TraceMap map = TraceMap::Memory,
                    std::string reference = "") {
  return read(std::string(kHeader) + text, map, std::move(reference));
}

std::string refusal(const Result<Demand>& demand) {
  return demand ? "accepted" : demand.error().message();
}

/// The request of the only workload.
GpuRequest request_for(int num_gpu, int gpu_milli, TraceMap map, std::string reference = "") {
  const auto demand =
      rows(fmt::format("p,1000,2048,{},{}\n", num_gpu, gpu_milli), map, std::move(reference));
  if (!demand || demand->pods.size() != 1) {
    ADD_FAILURE() << refusal(demand);
    return {};
  }
  return demand->shapes.at(demand->pods[0].shape).gpu.at(0);
}

TEST(Trace, MakesARequestOfEachRowUnderEachMap) {
  struct Case {
    int num_gpu;
    int gpu_milli;
    TraceMap map;
    const char* reference;
    GpuRequestKind kind;
    int gib;
    int share_milli;
    int count;
  };
  using K = GpuRequestKind;
  const Case cases[] = {
      {1, 460, TraceMap::Memory, "", K::ShareOfMemory, 0, 460, 1},
      {1, 460, TraceMap::Nearest, "", K::ShareOfCompute, 0, 460, 1},
      {1, 460, TraceMap::Whole, "", K::Whole, 0, 0, 1},
      {1, 1000, TraceMap::Memory, "", K::Whole, 0, 0, 1},
      {1, 1000, TraceMap::Nearest, "", K::Whole, 0, 0, 1},
      {8, 1000, TraceMap::Memory, "", K::Whole, 0, 0, 8},
      {8, 1000, TraceMap::Whole, "", K::Whole, 0, 0, 8},
      {1, 1, TraceMap::Share, "a100-40", K::Portable, 2, 0, 1},     // 0.04 GiB
      {1, 460, TraceMap::Share, "a100-40", K::Portable, 20, 0, 1},  // 18.4 GiB
      {1, 500, TraceMap::Share, "a100-40", K::Portable, 20, 0, 1},  // 20 GiB exactly
      {1, 501, TraceMap::Share, "a100-40", K::Portable, 24, 0, 1},  // 20.04 GiB
      {1, 999, TraceMap::Share, "T4", K::Portable, 16, 0, 1},
      {1, 1000, TraceMap::Share, "A100-40", K::Whole, 40, 0, 1},
      {4, 1000, TraceMap::Share, "T4", K::Whole, 16, 0, 4},
      {1, 460, TraceMap::Memory, "a100-40", K::ShareOfMemory, 0, 460, 1},  // no use for it here
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(fmt::format("{} x {} of {}, map {}", c.num_gpu, c.gpu_milli, c.reference,
                             static_cast<int>(c.map)));
    GpuRequest expected;
    expected.kind = c.kind;
    expected.gib = c.gib;
    expected.share_milli = c.share_milli;
    expected.count = c.count;
    EXPECT_EQ(request_for(c.num_gpu, c.gpu_milli, c.map, c.reference), expected);
  }
}

/// M = ceil(share x 40 GiB), then up the ladder, for every share that there is.
TEST(Trace, RoundsEverySharePastTheReferenceGpuUpTheLadder) {
  const int ladder[] = {2, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32, 40, 48, 64, 80, 96, 141, 180};
  std::string csv;
  for (int milli = 1; milli < 1000; ++milli)
    csv += fmt::format("p{},1000,2048,1,{}\n", milli, milli);
  const auto demand = rows(csv, TraceMap::Share, "a100-40");
  ASSERT_TRUE(demand) << refusal(demand);
  ASSERT_EQ(demand->pods.size(), 999U);
  for (const cluster::Pod& pod : demand->pods) {
    const int milli = std::stoi(pod.name.substr(1));
    int gib = 0;
    for (const int rung : ladder)
      if (gib == 0 && rung * 1000 >= milli * 40) gib = rung;
    const GpuRequest& request = demand->shapes[pod.shape].gpu.at(0);
    EXPECT_EQ(request.kind, GpuRequestKind::Portable) << milli;
    EXPECT_EQ(request.gib, gib) << milli;
    EXPECT_EQ(request.count, 1) << milli;
  }
}

TEST(Trace, GroupsPodsByRequestAndKeepsTheirOrder) {
  const auto demand = rows(
      "a,1000,2048,1,1000\n"
      "b,1000,2048,1,460\n"
      "c,500,1024,0,0\n"
      "d,2000,4096,1,460\n"
      "e,1000,2048,1,460\n"
      "f,500,1024,0,\n"
      "g,8000,65536,8,1000\n"
      "h,0,0,1,50\n");
  ASSERT_TRUE(demand) << refusal(demand);
  std::vector<std::string> pods;
  for (const cluster::Pod& pod : demand->pods) {
    const cluster::PodShape& shape = demand->shapes.at(pod.shape);
    EXPECT_EQ(shape.requests.pods, 1);
    pods.push_back(fmt::format("{} {} {} {}", demand->workloads.at(pod.workload).name, pod.name,
                               shape.requests.cpu_milli, shape.requests.memory_mib));
  }
  EXPECT_THAT(pods, ElementsAre("0.05-gpu h 0 0", "0.46-gpu b 1000 2048", "0.46-gpu d 2000 4096",
                                "0.46-gpu e 1000 2048", "1-gpu a 1000 2048", "8-gpu g 8000 65536"));
  ASSERT_EQ(demand->workloads.size(), 4u);
  const cluster::Workload& half = demand->workloads[1];
  EXPECT_EQ(half.kind, "Trace");
  EXPECT_EQ(half.pods, 3);
  EXPECT_EQ(half.asks, cluster::describe(demand->shapes[demand->pods[1].shape].gpu));
  EXPECT_EQ(half.source, "dir/pods.csv:3");
  EXPECT_FALSE(half.transient);
  EXPECT_EQ(demand->shapes.size(), 5u) << "b and e are alike";
  EXPECT_EQ(demand->cpu_only_pods, 2);
  EXPECT_EQ(demand->cpu_only_milli, 1000);
  EXPECT_EQ(demand->described, "trace pods.csv, map memory");
  EXPECT_TRUE(demand->notes.empty());
}

TEST(Trace, AddsToWhatTheDemandHas) {
  Demand demand;
  demand.described = "2 files";
  demand.workloads.emplace_back();
  demand.cpu_only_pods = 3;
  const auto added = read_trace(std::string(kHeader) + "a,1,1,1,500\nb,1,1,0,0\n", "-",
                                {TraceMap::Share, "l4"}, builtin_catalogue(), demand);
  ASSERT_TRUE(added) << added.error().message();
  EXPECT_EQ(demand.described, "2 files, trace standard input, map share of L4");
  ASSERT_EQ(demand.workloads.size(), 2u);
  EXPECT_EQ(demand.workloads[1].name, "gpu-12gi");
  EXPECT_EQ(demand.pods.at(0).workload, 1u);
  EXPECT_EQ(demand.cpu_only_pods, 4);
}

TEST(Trace, NumbersPodsThatShareAName) {
  const auto demand = rows(
      "web,1,1,1,500\n"
      "web#2,1,1,1,500\n"
      "web,1,1,1,500\n"
      "web,1,1,0,0\n"
      ",1,1,1,500\n"
      "web,1,1,1,500\n");
  ASSERT_TRUE(demand) << refusal(demand);
  std::vector<std::string> names;
  for (const cluster::Pod& pod : demand->pods) names.push_back(pod.name);
  EXPECT_THAT(names, ElementsAre("web", "web#2", "web#3", "pod", "web#4"));
  EXPECT_THAT(demand->notes, ElementsAre(HasSubstr("numbered (name#2): 2.")));
}

TEST(Trace, SaysWhatItDoesNotUse) {
  const auto demand = read(
      "name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,creation_time\n"
      "a,1,1,1,500,V100M16|V100M32,0\n"
      "b,1,1,1,500,,0\n",
      TraceMap::Memory);
  ASSERT_TRUE(demand) << refusal(demand);
  EXPECT_THAT(demand->notes, ElementsAre(HasSubstr("the times in it are not used"),
                                         HasSubstr("pods that have one: 1.")));
}

TEST(Trace, SaysWhereTheLadderHasNoRungBelowTheReferenceGpu) {
  const auto demand = rows("a,1,1,1,900\nb,1,1,1,500\n", TraceMap::Share, "H100-94");
  ASSERT_TRUE(demand) << refusal(demand);
  EXPECT_EQ(demand->shapes[demand->pods[1].shape].gpu[0].gib, 96);
  EXPECT_THAT(demand->notes, ElementsAre(HasSubstr("more than a whole H100-94")));
}

TEST(Trace, RefusesRowsThatContradictThemselves) {
  struct Case {
    const char* row;
    const char* says;
  };
  const Case cases[] = {
      {"p,1,1,1,0", "dir/pods.csv:3: gpu_milli: 0 with num_gpu 1; expected 1 to 1000"},
      {"p,1,1,1,", "dir/pods.csv:3: gpu_milli: empty with num_gpu 1; expected 1 to 1000"},
      {"p,1,1,2,500", "dir/pods.csv:3: gpu_milli: 500 with num_gpu 2; expected 1000"},
      {"p,1,1,2,0", "dir/pods.csv:3: gpu_milli: 0 with num_gpu 2; expected 1000"},
      {"p,1,1,2,", "dir/pods.csv:3: gpu_milli: empty with num_gpu 2"},
      {"p,1,1,0,500", "dir/pods.csv:3: gpu_milli: 500 with num_gpu 0; expected 0"},
      {"p,1,1,1,1001", "dir/pods.csv:3: gpu_milli: 1001; expected 0 to 1000"},
      {"p,1,1,1,-1", "dir/pods.csv:3: gpu_milli: -1; expected 0 to 1000"},
      {"p,1,1,1,0.5", "dir/pods.csv:3: gpu_milli: expected a whole number, got '0.5'"},
      {"p,1,1,-1,0", "dir/pods.csv:3: num_gpu: -1; expected 0 to 1024"},
      {"p,1,1,1025,1000", "dir/pods.csv:3: num_gpu: 1025; expected 0 to 1024"},
      {"p,1,1,,0", "dir/pods.csv:3: num_gpu: expected a whole number, got ''"},
      {"p,-1,1,1,500", "dir/pods.csv:3: cpu_milli: -1; expected 0 to 1000000000"},
      {"p,1000000001,1,1,500", "dir/pods.csv:3: cpu_milli: 1000000001; expected"},
      {"p,1,1073741825,1,500", "dir/pods.csv:3: memory_mib: 1073741825; expected"},
      {"p,1,99999999999999999999,1,500", "dir/pods.csv:3: memory_mib: '99999999999999999999' is"},
      {"\xff,1,1,1,500", "dir/pods.csv:3: name: \"\\xff\"; expected printable text"},
      {"a\tb,1,1,1,500", "dir/pods.csv:3: name: \"a\\tb\"; expected printable text"},
  };
  for (const Case& c : cases) {
    EXPECT_THAT(refusal(rows(fmt::format("first,1,1,1,500\n{}\n", c.row))), HasSubstr(c.says));
  }
}

TEST(Trace, RefusesANameThatKubernetesCouldNotHold) {
  EXPECT_TRUE(rows(std::string(253, 'x') + ",1,1,1,500\n"));
  EXPECT_THAT(refusal(rows(std::string(254, 'x') + ",1,1,1,500\n")),
              HasSubstr("name: 254 bytes; at most 253"));
}

TEST(Trace, RefusesATableWithoutItsColumnsOrRows) {
  for (const char* missing : {"name", "cpu_milli", "memory_mib", "num_gpu", "gpu_milli"}) {
    std::string header(kHeader);
    header.replace(header.find(missing), std::string(missing).size(), "other");
    EXPECT_THAT(refusal(read(header + "a,1,1,1,1\n", TraceMap::Memory)),
                HasSubstr(fmt::format("no column '{}'", missing)));
  }
  EXPECT_THAT(refusal(rows("")), HasSubstr("dir/pods.csv: no rows"));
}

TEST(Trace, RefusesShareWithoutAKnownReferenceGpu) {
  const std::string row = "a,1,1,1,500\n";
  EXPECT_THAT(refusal(rows(row, TraceMap::Share)), HasSubstr("--map share needs --reference-gpu"));
  const std::string unknown = refusal(rows(row, TraceMap::Share, "a100"));
  EXPECT_THAT(unknown, HasSubstr("--reference-gpu \"a100\": there is no such GPU model"));
  EXPECT_THAT(unknown, HasSubstr("A100-40, A100-80, H100-80"));
}

TEST(Trace, RefusesAShareAboveTheLadder) {
  EXPECT_TRUE(rows("a,1,1,1,647\n", TraceMap::Share, "GB300"));  // 180 GiB
  EXPECT_THAT(refusal(rows("a,1,1,1,648\n", TraceMap::Share, "GB300")),
              HasSubstr("dir/pods.csv:2: gpu_milli: 648 thousandths of a GB300 are 181 GiB"));
}

TEST(Trace, LeavesTheDemandAloneOnAnError) {
  Demand demand;
  ASSERT_FALSE(read_trace(std::string(kHeader) + "a,1,1,1,500\nb,1,1,0,0\nc,1,1,1,0\n", "p.csv", {},
                          builtin_catalogue(), demand));
  EXPECT_TRUE(demand.pods.empty());
  EXPECT_TRUE(demand.workloads.empty());
  EXPECT_TRUE(demand.shapes.empty());
  EXPECT_TRUE(demand.described.empty());
  EXPECT_EQ(demand.cpu_only_pods, 0);
}

/// The text of a pod list of openb; nullopt where the reference data is absent.
std::optional<std::string> openb(std::string_view name) {
  std::ifstream in(fmt::format("{}/data/openb/openb_pod_list_{}.csv", KERF_SHARED_DIR, name));
  if (!in) return std::nullopt;
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

constexpr const char* kNoOpenb = "no openb pod lists in " KERF_SHARED_DIR "/data/openb";

/// Pods by what they get on A100-80: "3g" for a share, "8 x whole" for whole GPUs.
using ProfileCounts = std::map<std::string, int>;
ProfileCounts on_a100_80(const Demand& demand) {
  const gpu::Model* model = builtin_catalogue().find("A100-80");
  ProfileCounts counts;
  for (const cluster::Pod& pod : demand.pods) {
    const GpuRequest& request = demand.shapes.at(pod.shape).gpu.at(0);
    if (request.kind == GpuRequestKind::Whole) {
      ++counts[fmt::format("{} x whole", request.count)];
      continue;
    }
    // The definitions of docs/reference/traces.md over every profile of the model.
    const gpu::Profile* best = nullptr;
    std::int64_t least = 0;
    for (const gpu::Profile& profile : model->profiles) {
      std::int64_t cost = 0;
      if (request.kind == GpuRequestKind::ShareOfMemory) {
        if (profile.slots * 1000 < request.share_milli * model->slots) continue;
        cost = profile.slots * 10 + profile.compute_slices;
      } else {
        cost =
            std::abs(profile.compute_slices * 1000 - request.share_milli * model->compute_slices);
        cost = cost * 10 + profile.compute_slices;
      }
      if (best != nullptr && cost >= least) continue;
      best = &profile;
      least = cost;
    }
    // By memory any profile of that width will do: they are named by the width.
    const int width = request.kind == GpuRequestKind::ShareOfCompute ? best->compute_slices
                      : best->slots == 8                             ? 7
                      : best->slots == 4                             ? 3
                                                                     : best->slots;
    ++counts[fmt::format("{}g", width)];
  }
  return counts;
}

TEST(Openb, GivesThePublishedProfilesOnA100By80ByMemory) {
  const auto csv = openb("default");
  if (!csv) GTEST_SKIP() << kNoOpenb;
  const auto demand = read(*csv, TraceMap::Memory);
  ASSERT_TRUE(demand) << refusal(demand);
  EXPECT_EQ(demand->pods.size(), 7064u);
  EXPECT_EQ(demand->cpu_only_pods, 1088);
  EXPECT_EQ(on_a100_80(*demand), (ProfileCounts{{"1g", 31},
                                                {"2g", 277},
                                                {"3g", 1292},
                                                {"7g", 1478},
                                                {"1 x whole", 3911},
                                                {"2 x whole", 16},
                                                {"4 x whole", 15},
                                                {"8 x whole", 44}}));
}

TEST(Openb, GivesThePublishedProfilesOnA100By80ByCompute) {
  const auto csv = openb("default");
  if (!csv) GTEST_SKIP() << kNoOpenb;
  const auto demand = read(*csv, TraceMap::Nearest);
  ASSERT_TRUE(demand) << refusal(demand);
  const ProfileCounts counts = on_a100_80(*demand);
  EXPECT_EQ(counts, (ProfileCounts{{"1g", 106},
                                   {"2g", 548},
                                   {"3g", 946},
                                   {"4g", 400},
                                   {"7g", 1078},
                                   {"1 x whole", 3911},
                                   {"2 x whole", 16},
                                   {"4 x whole", 15},
                                   {"8 x whole", 44}}));
}

TEST(Openb, GivesThePublishedRequestsAsSharesOfAnA100By40) {
  const auto csv = openb("default");
  if (!csv) GTEST_SKIP() << kNoOpenb;
  const auto demand = read(*csv, TraceMap::Share, "a100-40");
  ASSERT_TRUE(demand) << refusal(demand);
  std::vector<std::string> workloads;
  for (const cluster::Workload& workload : demand->workloads) {
    workloads.push_back(fmt::format("{} {}", workload.name, workload.pods));
  }
  EXPECT_THAT(workloads, ElementsAre("gpu-2gi 7", "gpu-5gi 24", "gpu-6gi 1", "gpu-8gi 74",
                                     "gpu-10gi 202", "gpu-12gi 5", "gpu-16gi 388", "gpu-20gi 899",
                                     "gpu-24gi 147", "gpu-32gi 253", "gpu-40gi 1078", "1-gpu 3911",
                                     "2-gpu 16", "4-gpu 15", "8-gpu 44"));
}

TEST(Openb, ReadsEveryVariantUnderEveryMap) {
  const struct {
    const char* name;
    std::size_t gpu_pods;
    std::int64_t cpu_only;
  } variants[] = {{"default", 7064, 1088},    {"cpu100", 7064, 789},
                  {"gpushare40", 7064, 1088}, {"gpushare100", 7064, 1088},
                  {"gpuspec10", 7064, 1088},  {"multigpu30", 7420, 1088}};
  for (const auto& variant : variants) {
    const auto csv = openb(variant.name);
    if (!csv) GTEST_SKIP() << kNoOpenb;
    for (const TraceMap map :
         {TraceMap::Memory, TraceMap::Nearest, TraceMap::Share, TraceMap::Whole}) {
      const auto demand = read(*csv, map, map == TraceMap::Share ? "A100-40" : "");
      ASSERT_TRUE(demand) << variant.name << ": " << refusal(demand);
      EXPECT_EQ(demand->pods.size(), variant.gpu_pods) << variant.name;
      EXPECT_EQ(demand->cpu_only_pods, variant.cpu_only) << variant.name;
    }
  }
}

TEST(Openb, SaysHowManyPodsWishForAModel) {
  const auto csv = openb("gpuspec10");
  if (!csv) GTEST_SKIP() << kNoOpenb;
  const auto demand = read(*csv, TraceMap::Memory);
  ASSERT_TRUE(demand) << refusal(demand);
  EXPECT_THAT(demand->notes, testing::Contains(HasSubstr("pods that have one: 732.")));
}

}  // namespace
}  // namespace kerf::codec
