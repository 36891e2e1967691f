// Tests of CDI specs: Kerf's own, and NVIDIA's as a base.
#include "codec/cdi.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "codec/catalogue.h"
#include "codec/json.h"
#include "core/control/gpu_node.h"

namespace kerf::codec {
namespace {

using agent::CdiEntry;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// In the form of NVIDIA's generator; libraries and hooks are examples.
constexpr const char* kBase = R"(---
cdiVersion: 0.5.0
kind: nvidia.com/gpu
devices:
- name: "0"
  containerEdits:
    deviceNodes:
    - {path: /dev/nvidia0}
- name: all
  containerEdits:
    deviceNodes:
    - path: /dev/nvidia0
containerEdits:
  env:
  - NVIDIA_CTK_LIBCUDA_DIR=/usr/lib/x86_64-linux-gnu
  - NVIDIA_VISIBLE_DEVICES=void
  deviceNodes:
  - path: /dev/nvidia-modeset
  - {path: /dev/nvidiactl, hostPath: /dev/nvidiactl, type: c, major: 195, minor: 255, fileMode: 438,
     permissions: rwm, uid: 0, gid: 0}
  hooks:
  - hookName: createContainer
    path: /usr/bin/nvidia-cdi-hook
    args: [nvidia-cdi-hook, update-ldcache, --folder, /usr/lib/x86_64-linux-gnu]
    env: [NVIDIA_CTK_DEBUG=false]
    timeout: 5
  mounts:
  - hostPath: /usr/bin/nvidia-smi
    containerPath: /usr/bin/nvidia-smi
    options: [ro, nosuid, nodev, rbind, rprivate]
  later: {field: true}
)";

CdiEdits own_edits() {
  CdiEdits own;
  own.nodes.push_back({.path = "/dev/nvidia0"});
  own.nodes.push_back({.path = "/dev/nvidia-caps/nvidia-cap12", .permissions = "r"});
  return own;
}

TEST(CdiName, HasOnlyWhatADeviceNameMayHave) {
  EXPECT_EQ(cdi_name("gpu0/1g.10gb@3"), "gpu0_1g.10gb_3");
  EXPECT_EQ(cdi_name("gpu0/1g.10gb+me@0"), "gpu0_1g.10gb_me_0");
  EXPECT_EQ(cdi_name("gpu0/replica/4@2"), "gpu0_replica_4_2");
  EXPECT_EQ(cdi_name("a\n\xc3\xa9:-_Z9"), "a___:-_Z9");
  EXPECT_EQ(cdi_qualified_name("gpu0/1g.10gb@3"), "kerf.dev/gpu=gpu0_1g.10gb_3");
  EXPECT_EQ(cdi_file_name("gpu0/1g.10gb@3"), "kerf.dev-gpu_gpu0_1g.10gb_3.json");
}

TEST(CdiName, IsAnotherForEachFormOfAModel) {
  for (const gpu::Model& model : builtin_catalogue().models) {
    std::set<std::string> names;
    std::size_t forms = 0;
    for (const gpu::Profile& profile : model.profiles) {
      names.insert(cdi_name(control::device_id(0, profile.name, 0)));
      ++forms;
    }
    EXPECT_EQ(names.size(), forms) << model.key;
  }
}

TEST(CdiSpec, HasOneDeviceThatIsReadBack) {
  const CdiEntry entry{"gpu0/1g.10gb@3", "MIG-1"};
  CdiEdits common;
  common.env = {"NVIDIA_VISIBLE_DEVICES=void"};
  const std::string text = cdi_spec(entry, common, own_edits());
  EXPECT_EQ(text, R"({
  "cdiVersion": "0.6.0",
  "kind": "kerf.dev/gpu",
  "devices": [
    {
      "name": "gpu0_1g.10gb_3",
      "annotations": {
        "kerf.dev/device": "gpu0/1g.10gb@3",
        "kerf.dev/uuid": "MIG-1"
      },
      "containerEdits": {
        "deviceNodes": [
          {
            "path": "/dev/nvidia0"
          },
          {
            "path": "/dev/nvidia-caps/nvidia-cap12",
            "permissions": "r"
          }
        ]
      }
    }
  ],
  "containerEdits": {
    "env": [
      "NVIDIA_VISIBLE_DEVICES=void"
    ]
  }
}
)");
  EXPECT_EQ(read_cdi_entry(text, "spec").value(), entry);
}

TEST(CdiSpec, SaysTheVersionThatItsFieldsNeed) {
  CdiEdits common;
  common.additional_gids = {44};
  EXPECT_THAT(cdi_spec({"gpu0/whole@0", "GPU-1"}, common, own_edits()),
              HasSubstr("\"cdiVersion\": \"0.7.0\""));
}

TEST(CdiSpec, OfAnotherIsNotTakenForKerfs) {
  struct Case {
    const char* text;
    const char* message;
  };
  constexpr Case kCases[] = {
      {"[]", "expected a mapping"},
      {R"({"kind":"nvidia.com/gpu","devices":[]})", "kind \"nvidia.com/gpu\"; Kerf's is"},
      {R"({"kind":"kerf.dev/gpu"})", "0 devices; Kerf's specs have one"},
      {R"({"kind":"kerf.dev/gpu","devices":[{},{}]})", "2 devices"},
      {R"({"kind":"kerf.dev/gpu","devices":[{"name":"x"}]})", "no annotations"},
      {R"({"kind":"kerf.dev/gpu","devices":[{"name":"x","annotations":
          {"kerf.dev/device":"gpu0/whole@0","kerf.dev/uuid":"GPU-1"}}]})",
       "name \"x\" of device \"gpu0/whole@0\""},
  };
  for (const Case& one : kCases) {
    const auto entry = read_cdi_entry(one.text, "spec");
    ASSERT_FALSE(entry) << one.text;
    EXPECT_THAT(entry.error().message(), HasSubstr(one.message));
  }
  const std::string whole = cdi_spec({"gpu0/whole@0", "GPU-1"}, {}, own_edits());
  for (std::size_t bytes = 0; bytes + 1 < whole.size(); ++bytes)
    ASSERT_FALSE(read_cdi_entry(whole.substr(0, bytes), "spec")) << bytes;
}

TEST(CdiBase, IsWhatNvidiasGeneratorDoesToEveryContainer) {
  const auto base = read_cdi_base(kBase, "nvidia.yaml");
  ASSERT_TRUE(base) << base.error().message();
  EXPECT_THAT(base->env, ElementsAre("NVIDIA_CTK_LIBCUDA_DIR=/usr/lib/x86_64-linux-gnu",
                                     "NVIDIA_VISIBLE_DEVICES=void"));
  ASSERT_EQ(base->nodes.size(), 2U);
  EXPECT_EQ(base->nodes[0], CdiDeviceNode{.path = "/dev/nvidia-modeset"});
  const CdiDeviceNode control{"/dev/nvidiactl", "/dev/nvidiactl", "c", 195, 255, 438, "rwm", 0, 0};
  EXPECT_EQ(base->nodes[1], control);
  ASSERT_EQ(base->mounts.size(), 1U);
  EXPECT_THAT(base->mounts[0].options, ElementsAre("ro", "nosuid", "nodev", "rbind", "rprivate"));
  ASSERT_EQ(base->hooks.size(), 1U);
  EXPECT_EQ(base->hooks[0].name, "createContainer");
  EXPECT_EQ(base->hooks[0].args.size(), 4U);
  EXPECT_EQ(base->hooks[0].timeout_s, 5);
}

TEST(CdiBase, StandsInTheSpecAsItWasRead) {
  const CdiEdits base = read_cdi_base(kBase, "nvidia.yaml").value();
  const std::string text = cdi_spec({"gpu0/whole@0", "GPU-1"}, base, own_edits());
  EXPECT_EQ(read_cdi_base(text, "own.json").value(), base);
}

TEST(CdiBase, TakesOutADeviceListOfTheOldHook) {
  const auto env = [](const std::string& variable) {
    return read_cdi_base(
               "{cdiVersion: 0.5.0, kind: a.b/c, containerEdits: {env: [" + variable + ", A=1]}}",
               "base")
        .value()
        .env;
  };
  EXPECT_THAT(env("NVIDIA_VISIBLE_DEVICES=void"),
              ElementsAre("NVIDIA_VISIBLE_DEVICES=void", "A=1"));
  EXPECT_THAT(env("NVIDIA_VISIBLE_DEVICES=all"), ElementsAre("A=1"));
  EXPECT_THAT(env("NVIDIA_VISIBLE_DEVICES="), ElementsAre("A=1"));
}

TEST(CdiBase, SaysWhereItIsWrong) {
  const auto message = [](const std::string& edits) {
    const auto base =
        read_cdi_base("{cdiVersion: 0.5.0, kind: a.b/c, containerEdits: " + edits + "}", "base");
    return base ? "read" : base.error().message();
  };
  EXPECT_EQ(message("{}"), "read");
  EXPECT_THAT(message("[]"), HasSubstr("containerEdits: expected a mapping"));
  EXPECT_THAT(message("{env: [x]}"), HasSubstr("env: \"x\"; expected NAME=value"));
  EXPECT_THAT(message("{env: [=x]}"), HasSubstr("expected NAME=value"));
  EXPECT_THAT(message("{deviceNodes: [{}]}"), HasSubstr("path is missing"));
  EXPECT_THAT(message("{deviceNodes: [{path: dev/x}]}"), HasSubstr("expected an absolute path"));
  EXPECT_THAT(message("{deviceNodes: [{path: /x, hostPath: dev}]}"), HasSubstr("absolute path"));
  EXPECT_THAT(message("{deviceNodes: [{path: /x, type: d}]}"), HasSubstr("type \"d\""));
  EXPECT_THAT(message("{deviceNodes: [{path: /x, permissions: rx}]}"), HasSubstr("letters of rwm"));
  EXPECT_THAT(message("{deviceNodes: [{path: /x, major: -1}]}"), HasSubstr("-1; expected 0 to"));
  EXPECT_THAT(message("{mounts: [{hostPath: /x}]}"), HasSubstr("containerPath is missing"));
  EXPECT_THAT(message("{hooks: [{hookName: later, path: /x}]}"), HasSubstr("hookName \"later\""));
  EXPECT_THAT(message("{hooks: [{hookName: poststop}]}"), HasSubstr("path is missing"));
  EXPECT_THAT(message("{hooks: [{hookName: poststop, path: /x, timeout: 0}]}"),
              HasSubstr("0; expected 1 to"));
  EXPECT_THAT(read_cdi_base("{kind: a.b/c}", "base").error().message(),
              HasSubstr("no CDI spec: cdiVersion and kind are expected"));
  EXPECT_THAT(read_cdi_base("", "base").error().message(), HasSubstr("0 documents"));
}

TEST(CdiEdits, MergedHaveEachPlaceOnce) {
  CdiEdits base;
  base.env = {"A=1", "B=1"};
  base.nodes = {{.path = "/dev/a", .permissions = "r"}, {.path = "/dev/b"}};
  base.mounts = {{"/x", "/c", "", {}}, {"/x", "/d", "", {}}};
  base.hooks = {{"poststop", "/h", {}, {}, {}}};
  base.additional_gids = {1};
  CdiEdits more;
  more.env = {"A=2"};
  more.nodes = {{.path = "/dev/a"}};
  more.mounts = {{"/y", "/c", "", {}}};
  more.hooks = base.hooks;
  more.additional_gids = {1, 2};
  const CdiEdits both = merged(base, more);
  EXPECT_THAT(both.env, ElementsAre("B=1", "A=2"));
  EXPECT_THAT(both.nodes, ElementsAre(CdiDeviceNode{.path = "/dev/b"}, more.nodes[0]));
  EXPECT_THAT(both.mounts, ElementsAre(base.mounts[1], more.mounts[0]));
  EXPECT_EQ(both.hooks.size(), 1U);
  EXPECT_THAT(both.additional_gids, ElementsAre(1, 2));
  EXPECT_EQ(merged(base, {}), base);
  EXPECT_EQ(merged({}, base), base);
  EXPECT_THAT(merged({}, {}).env, IsEmpty());
}

}  // namespace
}  // namespace kerf::codec
