// Tests of resource names as GPU requests: the names there are, and the words for all others.
#include "codec/gpu_request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "codec/catalogue.h"
#include "core/cluster/demand.h"

namespace kerf::codec {
namespace {

using cluster::GpuRequest;
using cluster::GpuRequestKind;
using cluster::Isolation;
using testing::HasSubstr;

GpuRequest parsed(std::string_view name, std::int64_t count = 1) {
  const auto request = parse_gpu_resource(name, count, builtin_catalogue());
  if (request) return *request;
  ADD_FAILURE() << request.error().message();
  return {};
}

Error refused(std::string_view name, std::int64_t count = 1) {
  const auto request = parse_gpu_resource(name, count, builtin_catalogue());
  if (!request) return request.error();
  ADD_FAILURE() << name << " is accepted";
  return Error(ErrorCode::Unavailable, "");
}

TEST(GpuRequest, ReadsWholeGpus) {
  GpuRequest expected;
  expected.count = 8;
  EXPECT_EQ(parsed("nvidia.com/gpu", 8), expected);
}

TEST(GpuRequest, ReadsSlicesAsNvidiaNamesThem) {
  const std::pair<const char*, const char*> cases[] = {
      {"nvidia.com/mig-1g.5gb", "1g.5gb"},
      {"nvidia.com/mig-7g.80gb", "7g.80gb"},
      {"nvidia.com/mig-1g.5gb.me", "1g.5gb+me"},
      {"nvidia.com/mig-1g.24gb.me.all", "1g.24gb+me.all"},
      {"nvidia.com/mig-1g.24gb-me", "1g.24gb-me"},
      {"nvidia.com/mig-4g.96gb.gfx", "4g.96gb+gfx"},
  };
  for (const auto& [name, profile] : cases) {
    const GpuRequest request = parsed(name, 2);
    EXPECT_EQ(request.kind, GpuRequestKind::Slice) << name;
    EXPECT_EQ(request.profile, profile) << name;
    EXPECT_EQ(request.count, 2) << name;
  }
}

TEST(GpuRequest, ReadsEveryProfileOfEveryModelBack) {
  for (const gpu::Model& model : builtin_catalogue().models) {
    for (const gpu::Profile& profile : model.profiles) {
      const GpuRequest request = parsed(gpu::resource_name(profile));
      EXPECT_EQ(request.profile, profile.name) << model.key;
      EXPECT_EQ(cluster::resource_name(request), gpu::resource_name(profile)) << model.key;
    }
  }
}

TEST(GpuRequest, ReadsEveryRungInThreeIsolations) {
  const std::pair<const char*, Isolation> suffixes[] = {{"", Isolation::Enforced},
                                                        {"-isolated", Isolation::Isolated},
                                                        {"-shared", Isolation::Shared}};
  for (const int rung : kPortableLadder) {
    for (const auto& [suffix, isolation] : suffixes) {
      const std::string name = "kerf.dev/gpu-" + std::to_string(rung) + "gi" + suffix;
      const GpuRequest request = parsed(name, 3);
      EXPECT_EQ(request.kind, GpuRequestKind::Portable);
      EXPECT_EQ(request.gib, rung);
      EXPECT_EQ(request.isolation, isolation);
      EXPECT_EQ(request.count, 3);
      EXPECT_EQ(cluster::resource_name(request), name);
    }
  }
}

TEST(GpuRequest, ClimbsTheLadder) {
  EXPECT_EQ(ladder_up(-1), 2);
  EXPECT_EQ(ladder_up(0), 2);
  EXPECT_EQ(ladder_up(2), 2);
  EXPECT_EQ(ladder_up(3), 4);
  EXPECT_EQ(ladder_up(97), 141);
  EXPECT_EQ(ladder_up(180), 180);
  EXPECT_EQ(ladder_up(181), std::nullopt);
}

TEST(GpuRequest, NamesTheNearestProfilesAndWhoHasThem) {
  EXPECT_EQ(refused("nvidia.com/mig-1g.7gb").message(),
            "no GPU that Kerf knows has the profile of \"nvidia.com/mig-1g.7gb\"; near are: "
            "mig-1g.6gb (A30), mig-1g.5gb (A100-40), mig-1g.10gb (A100-40, A100-80, H100-80), "
            "mig-1g.12gb (H100-94, H100-96, PG506-96)");
  EXPECT_THAT(refused("nvidia.com/mig-3g.45gb").message(),
              HasSubstr("near are: mig-3g.47gb (H100-94), mig-3g.48gb"));
  EXPECT_THAT(refused("nvidia.com/mig-1g.7gb.me").message(),
              HasSubstr("near are: mig-1g.6gb.me (A30), mig-1g.5gb.me (A100-40)"));
  EXPECT_THAT(refused("nvidia.com/mig-5g.40gb").message(), HasSubstr("mig-4g.40gb"));
}

TEST(GpuRequest, SaysWhatWasExpected) {
  struct Case {
    const char* name;
    ErrorCode code;
    const char* words;
  };
  const Case cases[] = {
      {"nvidia.com/mig-", ErrorCode::InvalidArgument, "expected nvidia.com/mig-<profile>"},
      {"nvidia.com/mig-1g", ErrorCode::InvalidArgument, "expected nvidia.com/mig-<profile>"},
      {"nvidia.com/mig-1g.5gb+me", ErrorCode::InvalidArgument,
       "so expected \"nvidia.com/mig-1g.5gb.me\""},
      {"nvidia.com/mig-99999999999g.5gb", ErrorCode::InvalidArgument, "is no MIG resource"},
      {"nvidia.com/mig-1c.3g.20gb", ErrorCode::Unsupported,
       "ask for the slice, for example nvidia.com/mig-3g.20gb"},
      {"nvidia.com/mig-1g.5gb.shared", ErrorCode::Unsupported, "kerf.dev/gpu-<M>gi-shared"},
      {"nvidia.com/gpu.shared", ErrorCode::Unsupported,
       "nvidia.com/gpu.shared is a time-sliced replica of no stated size: ask for "
       "kerf.dev/gpu-<M>gi-shared, with M the GiB of GPU memory that the pod needs"},
      {"nvidia.com/hostdev", ErrorCode::Unsupported, "is not a GPU request that Kerf plans for"},
      {"kerf.dev/gpu-11gi", ErrorCode::InvalidArgument,
       "\"kerf.dev/gpu-11gi\" is not a size that Kerf offers: the next is kerf.dev/gpu-12gi"},
      {"kerf.dev/gpu-1gi-shared", ErrorCode::InvalidArgument,
       "the next is kerf.dev/gpu-2gi-shared"},
      {"kerf.dev/gpu-181gi", ErrorCode::InvalidArgument, "the largest is kerf.dev/gpu-180gi"},
      {"kerf.dev/gpu-016gi", ErrorCode::InvalidArgument, "expected kerf.dev/gpu-<M>gi"},
      {"kerf.dev/gpu-16Gi", ErrorCode::InvalidArgument, "expected kerf.dev/gpu-<M>gi"},
      {"kerf.dev/gpu--4gi", ErrorCode::InvalidArgument, "expected kerf.dev/gpu-<M>gi"},
      {"kerf.dev/gpu-16gi-exclusive", ErrorCode::InvalidArgument, "-isolated or -shared"},
      {"kerf.dev/", ErrorCode::InvalidArgument, "with M one of 2, 4, 5, 6, 8, 10,"},
      {"amd.com/gpu", ErrorCode::InvalidArgument, "is not a GPU resource"},
      {"", ErrorCode::InvalidArgument, "is not a GPU resource"},
  };
  for (const Case& c : cases) {
    const Error error = refused(c.name);
    EXPECT_EQ(error.code(), c.code) << c.name;
    EXPECT_THAT(error.message(), HasSubstr(c.words)) << c.name;
  }
}

TEST(GpuRequest, BoundsCounts) {
  EXPECT_EQ(parsed("nvidia.com/gpu", 1'000'000).count, 1'000'000);
  for (const std::int64_t count : {std::int64_t{0}, std::int64_t{-1}, std::int64_t{1'000'001}}) {
    EXPECT_THAT(refused("nvidia.com/gpu", count).message(), HasSubstr("expected 1 to 1000000"));
  }
}

TEST(GpuRequest, KnowsWhichNamesAreAboutGpus) {
  for (const char* name : {"nvidia.com/gpu", "nvidia.com/gpu.shared", "nvidia.com/mig-1g.5gb",
                           "nvidia.com/anything", "kerf.dev/gpu-8gi", "kerf.dev/typo"}) {
    EXPECT_TRUE(is_gpu_resource(name)) << name;
  }
  for (const char* name : {"cpu", "amd.com/gpu", "nvidia.com", "hugepages-2Mi", ""}) {
    EXPECT_FALSE(is_gpu_resource(name)) << name;
  }
}

}  // namespace
}  // namespace kerf::codec
