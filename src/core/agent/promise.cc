// What the names of resources promise, held against what the forms give.
#include "core/agent/promise.h"

#include <algorithm>

#include "core/cluster/demand.h"
#include "core/control/names.h"

namespace kerf::agent {
namespace {

constexpr std::size_t kQuotedMax = 64;

/// Text from an object, for a message.
std::string shown(const std::string& text) {
  std::string out = text.substr(0, kQuotedMax);
  for (char& c : out)
    if (c < ' ' || c > '~') c = '?';
  return out + (text.size() > kQuotedMax ? "..." : "");
}

std::string name(const control::WantedSlice& slice) {
  return shown(slice.form) + "@" + std::to_string(slice.start);
}

/// The name that needs no portable request.
std::string own_name(const gpu::Model* model, const control::WantedSlice& slice,
                     const Shape& shape) {
  switch (shape.kind) {
    case Shape::Kind::Whole: return "nvidia.com/gpu";
    case Shape::Kind::Replica: return control::kSharedGpu;
    case Shape::Kind::Slice: break;
  }
  return gpu::resource_name(model->profiles[*model->profile_named(slice.form)]);
}

int nominal_gb(const gpu::Model* model, const control::WantedSlice& slice, const Shape& shape) {
  if (model == nullptr) return 0;
  switch (shape.kind) {
    case Shape::Kind::Whole: return model->nominal_gb;
    case Shape::Kind::Replica: return model->nominal_gb / shape.replicas;
    case Shape::Kind::Slice: break;
  }
  return model->profiles[*model->profile_named(slice.form)].nominal_gb;
}

}  // namespace

std::string dishonest(const gpu::Model* model, const control::WantedSlice& slice,
                      const Shape& shape) {
  const std::string own = own_name(model, slice, shape);
  if (slice.resource == own) return "";
  const bool replica = shape.kind == Shape::Kind::Replica;
  const std::string portable = std::string("kerf.dev/gpu-<M>gi") + (replica ? "-shared" : "");
  const std::string offer = name(slice) + " may not be offered as \"" + shown(slice.resource) +
                            "\": expected " + own + " or " + portable;
  const std::string mend = "; change its resource in the GpuNode";
  const auto request = control::parse_portable(slice.resource);
  if (!request) return offer + mend;
  if (replica && request->isolation != cluster::Isolation::Shared)
    return offer + ", because replicas take turns and nothing keeps their memory apart" + mend;
  const int gb = nominal_gb(model, slice, shape);
  if (gb == 0) return offer + ", and of this GPU no memory is known, so " + own + mend;
  if (request->gib > gb)
    return offer + " with M at most " + std::to_string(gb) + ", which is what it has" + mend;
  return "";
}

std::string no_form(const gpu::Model* model, const control::WantedSlice& slice) {
  const std::string on = model ? model->key : "this GPU, whose model is not known";
  if (slice.form.starts_with("mps/"))
    return name(slice) +
           ": MPS is not served by this agent; expected a MIG profile, whole or replica/<n>: take "
           "replica/<n> if pods may share without memory kept apart, else a MIG profile";
  if (slice.form.starts_with("replica/"))
    return name(slice) + ": expected replica/2 to replica/16, and a start below that number";
  std::string known;
  if (model != nullptr && model->cuttable())
    for (const gpu::Profile& profile : model->profiles) {
      if (profile.name == slice.form) {
        known = "starts ";
        for (const std::uint8_t start : profile.starts)
          known += (start == profile.starts.front() ? "" : " ") + std::to_string(start);
        break;
      }
      known += (known.empty() ? "" : " ") + profile.name;
    }
  return "there is no " + name(slice) + " on " + on +
         (known.empty() ? "; expected whole or replica/<n>" : "; it has " + known);
}

}  // namespace kerf::agent
