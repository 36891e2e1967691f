// Shapes from the catalogue: NVML's profile id is the key, the name is only how a form is written.
#include "core/agent/shape.h"

#include <charconv>

#include "core/agent/promise.h"
#include "core/gpu/legality.h"

namespace kerf::agent {
namespace {

constexpr int kMaxReplicas = 16;

/// 4 of "replica/4"; 0: it is none.
int replicas_of(const std::string& form) {
  constexpr std::string_view kPrefix = "replica/";
  if (!form.starts_with(kPrefix)) return 0;
  int replicas = 0;
  const char* end = form.data() + form.size();
  const auto [rest, error] = std::from_chars(form.data() + kPrefix.size(), end, replicas);
  if (error != std::errc() || rest != end || replicas < 2 || replicas > kMaxReplicas) return 0;
  return form == std::string(kPrefix) + std::to_string(replicas) ? replicas : 0;
}

bool has_start(const gpu::Profile& profile, std::uint8_t start) {
  for (const std::uint8_t legal : profile.starts)
    if (legal == start) return true;
  return false;
}

std::string name(const control::WantedSlice& slice) {
  return slice.form + "@" + std::to_string(slice.start);
}

}  // namespace

std::optional<Shape> shape_of(const gpu::Model* model, const std::string& form,
                              std::uint8_t start) {
  Shape shape;
  shape.start = start;
  if (form == "whole") return start == 0 ? std::optional(shape) : std::nullopt;
  if (const int replicas = replicas_of(form); replicas > 0) {
    shape.kind = Shape::Kind::Replica;
    shape.replicas = static_cast<std::uint8_t>(replicas);
    return start < replicas ? std::optional(shape) : std::nullopt;
  }
  if (model == nullptr || !model->cuttable()) return std::nullopt;
  const auto index = model->profile_named(form);
  if (!index) return std::nullopt;
  const gpu::Profile& profile = model->profiles[*index];
  if (!has_start(profile, start)) return std::nullopt;
  shape.kind = Shape::Kind::Slice;
  shape.profile = profile.id;
  shape.size = profile.slots;
  shape.compute_slices = profile.compute_slices;
  return shape;
}

std::optional<std::string> form_of(const gpu::Model* model, std::uint16_t profile,
                                   std::uint8_t start) {
  if (model == nullptr || !model->cuttable()) return std::nullopt;
  for (const gpu::Profile& known : model->profiles)
    if (known.id == profile && has_start(known, start)) return known.name;
  return std::nullopt;
}

bool clash(const Shape& a, const Shape& b) {
  if (a.kind != b.kind) return true;
  switch (a.kind) {
    case Shape::Kind::Whole: return true;
    case Shape::Kind::Replica: return a.replicas != b.replicas || a.start == b.start;
    case Shape::Kind::Slice: break;
  }
  return a.start < b.start + b.size && b.start < a.start + a.size;
}

void add_beside(const gpu::Model* model, const control::WantedGpu& layout,
                control::WantedGpu& kept) {
  const std::size_t before = kept.slices.size();
  for (const control::WantedSlice& slice : layout.slices) {
    const auto shape = shape_of(model, slice.form, slice.start);
    if (!shape) continue;
    bool fits = true;
    for (std::size_t i = 0; i < before; ++i) {
      control::WantedSlice& other = kept.slices[i];
      const auto there = shape_of(model, other.form, other.start);
      const bool same = other.form == slice.form && other.start == slice.start;
      if (same) other = slice;
      fits = fits && !same && !(there && clash(*shape, *there));
    }
    if (fits) kept.slices.push_back(slice);
  }
}

std::string illegal(const gpu::Model* model, const control::WantedGpu& wanted) {
  std::vector<Shape> shapes;
  std::optional<gpu::Usage> usage;
  if (model != nullptr && model->cuttable()) usage.emplace(*model);
  for (const control::WantedSlice& slice : wanted.slices) {
    const auto shape = shape_of(model, slice.form, slice.start);
    if (!shape) return no_form(model, slice);
    if (std::string why = dishonest(model, slice, *shape); !why.empty()) return why;
    for (const Shape& other : shapes)
      if (clash(*shape, other)) return name(slice) + " clashes with another one";
    shapes.push_back(*shape);
    if (shape->kind != Shape::Kind::Slice) continue;
    const auto profile = static_cast<std::uint8_t>(*model->profile_named(slice.form));
    if (usage->conflict({profile, slice.start}) != gpu::Usage::Conflict::None)
      return name(slice) + " is one too many";
    usage->add({profile, slice.start});
  }
  return "";
}

std::optional<DeviceName> parse_device_id(const std::string& id) {
  constexpr std::string_view kPrefix = "gpu";
  const std::size_t first = id.find('/');
  const std::size_t last = id.rfind('@');
  if (!id.starts_with(kPrefix) || first == std::string::npos || last <= first + 1)
    return std::nullopt;
  DeviceName name;
  int start = 0;
  std::from_chars(id.data() + kPrefix.size(), id.data() + first, name.gpu);
  std::from_chars(id.data() + last + 1, id.data() + id.size(), start);
  if (start > 255) return std::nullopt;
  name.form = id.substr(first + 1, last - first - 1);
  name.start = static_cast<std::uint8_t>(start);
  if (control::device_id(name.gpu, name.form, name.start) != id) return std::nullopt;
  return name;
}

}  // namespace kerf::agent
