// The diagnosis as text and as JSON.
#include "doctor/printed.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "codec/json.h"
#include "doctor/doctor_testing.h"
#include "report/text.h"

namespace kerf::doctor {
namespace {

using testing::Case;
using ::testing::HasSubstr;
using testing::kTaken;
using ::testing::Not;

Diagnosis small() {
  Diagnosis out{.source = "context prod",
                .server_version = "v1.36.3",
                .taken_ms = kTaken,
                .nodes = 12,
                .gpu_nodes = 5,
                .pods = 230,
                .gpu_pods = 1};
  Finding idle{Code::NoDevices, "5 nodes offer no device although p5.48xlarge has GPUs"};
  for (int i = 1; i <= 5; ++i) {
    idle.about.push_back({.kind = "Node", .ns = "", .name = "gpu-" + std::to_string(i)});
  }
  out.findings = {idle, {Code::KubernetesReady, "Kubernetes v1.36.3"}};
  return out;
}

TEST(Text, SaysWhatWhereAndWhatToDo) {
  EXPECT_EQ(text(small(), {.unicode = false}),
            "context prod, read 2026-11-29T16:00:00Z: 12 nodes, 5 with GPUs; 230 pods, 1 asks for "
            "GPUs\n"
            "\n"
            "problem: NoDevices\n"
            "  5 nodes offer no device although p5.48xlarge has GPUs\n"
            "  Node gpu-1, gpu-2, gpu-3 and 2 more\n"
            "  -> look at its device plugin's pod and at the driver: kubectl describe node NODE\n"
            "\n"
            "ok: Kubernetes v1.36.3\n"
            "\n"
            "1 problem, 0 warnings, 0 notes; docs/reference/doctor.md explains each\n");
  EXPECT_THAT(text(small(), {.all = true}), HasSubstr("gpu-3, gpu-4, gpu-5\n"));
}

TEST(Text, IsSafeAndNarrowWhateverNamesAreLike) {
  Diagnosis nasty = small();
  const std::string bad = std::string(150, 'x') + "\x1b[31m\n\xff" + std::string(400, 'y');
  nasty.source = bad;
  nasty.findings.front().says = bad;
  nasty.findings.front().todo = bad;
  nasty.findings.front().about.push_back({.kind = bad, .ns = bad, .name = bad});
  for (const bool unicode : {true, false}) {
    const std::string out = text(nasty, {.unicode = unicode, .all = true});
    EXPECT_THAT(out, Not(HasSubstr("\x1b"))) << "nothing that a terminal would obey";
    std::istringstream lines(out);
    for (std::string line; std::getline(lines, line);) {
      EXPECT_LE(report::columns(line), report::kColumnsMax) << line;
    }
  }
}

TEST(Text, HasColourOnlyWhereAskedFor) {
  EXPECT_THAT(text(small(), {.colour = true}), HasSubstr("\x1b[1;31mproblem: NoDevices\x1b[0m"));
}

TEST(Json, HasEachFindingWithItsObjects) {
  const std::string written = codec::write_json(json(small()));
  const auto back = codec::parse_json(written, "out.json");
  ASSERT_TRUE(back);
  EXPECT_EQ(back->root.find("apiVersion")->text, "kerf.dev/doctor/v1alpha1");
  EXPECT_EQ(back->root.find("counts")->find("problem")->integer, 1);
  const codec::Node& first = back->root.find("findings")->items.front();
  EXPECT_EQ(first.find("code")->text, "NoDevices");
  EXPECT_EQ(first.find("severity")->text, "problem");
  ASSERT_EQ(first.find("about")->items.size(), 5u);
  EXPECT_TRUE(first.find("about")->items.front().find("namespace")->is_null());
  EXPECT_TRUE(first.find("source")->is_null());
}

TEST(Json, IsTheSameForTheSameCluster) {
  Case c;
  c.node("gpu-1", "p5.48xlarge", "").pod("a", "", "{nvidia.com/mig-1g.7gb: 1}");
  EXPECT_EQ(codec::write_json(json(c.examined())), codec::write_json(json(c.examined())));
}

}  // namespace
}  // namespace kerf::doctor
