// Certificates: any text is read or refused with its file's name; what is read is judged without a
// crash, and never proves more than what the pods can be served for.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/assert.h"
#include "codec/catalogue.h"
#include "codec/certificate_file.h"
#include "core/check/certificate.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

/// Two pods that ask for slices and one for a whole GPU, on three types.
struct World {
  kerf::market::Market market = *kerf::codec::builtin_market("us-east-1");
  kerf::cluster::Demand demand;
  kerf::cluster::Policy policy;

  World() {
    using namespace kerf;
    policy.instance_types = {"g4dn.xlarge", "p4d.24xlarge", "p5.4xlarge"};
    for (const bool whole : {false, true}) {
      cluster::PodShape shape;
      shape.requests = {500, 1024, 0, 1};
      cluster::GpuRequest request;
      if (!whole) {
        request.kind = cluster::GpuRequestKind::Portable;
        request.gib = 5;
      }
      shape.gpu = {request};
      demand.shapes.push_back(shape);
      demand.workloads.push_back(
          {"Deployment", "default", whole ? "b" : "a", 0, false, 730, "", ""});
    }
    demand.pods = {{"a-0", 0, 0}, {"a-1", 0, 0}, {"b-0", 1, 1}};
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace kerf;
  static const World world;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto file = codec::read_certificate(text, "fuzz.json", world.demand, world.market);
  if (!file) {
    KERF_ASSERT(file.error().message().starts_with("fuzz.json"), "an error names its file");
    return 0;
  }
  const std::string written = codec::write_certificate(*file, world.demand, world.market);
  const auto again = codec::read_certificate(written, "again.json", world.demand, world.market);
  KERF_ASSERT(
      again.has_value() && codec::write_certificate(*again, world.demand, world.market) == written,
      "a certificate reads back the same");
  const check::Verdict verdict = check::verify_certificate(
      file->certificate, world.demand, world.market, world.policy, {.steps = 20'000});
  // Three g4dn.xlarge serve all of them.
  KERF_ASSERT(!verdict.holds() || verdict.proven.micro <= 3 * 526'000,
              "nothing is proven that is not true");
  const check::FleetVerdict fleet =
      check::verify_fleet(file->nodes, file->certificate, world.demand, world.market, world.policy);
  KERF_ASSERT(!verdict.holds() || !fleet.complaints.empty() || verdict.proven <= fleet.bill,
              "no fleet that holds is cheaper than a bound that holds");
  return 0;
}
