// Shape: what a device of some form takes of its GPU; which devices can stand together.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/control/gpu_node.h"
#include "core/gpu/model.h"

namespace kerf::agent {

struct Shape {
  enum class Kind : std::uint8_t { Slice, Whole, Replica };
  Kind kind = Kind::Whole;
  std::uint8_t start = 0;
  std::uint16_t profile = 0;        ///< Slice: NVML's id
  std::uint8_t size = 0;            ///< Slice: slots
  std::uint8_t compute_slices = 0;  ///< Slice
  std::uint8_t replicas = 0;        ///< Replica
  bool operator==(const Shape&) const = default;
};

/// Of a form as it is written in objects; nullopt: the model has no such form, or not there. A null
/// model has the forms that need no driver.
std::optional<Shape> shape_of(const gpu::Model* model, const std::string& form, std::uint8_t start);

/// The form of an instance that the driver has; nullopt: the catalogue does not know it.
std::optional<std::string> form_of(const gpu::Model* model, std::uint16_t profile,
                                   std::uint8_t start);

/// Can the two not stand on one GPU at a time? By slots and kind; engines are is_legal's.
bool clash(const Shape& a, const Shape& b);

/// Adds what of `layout` can stand beside all of `kept` and is not of it; what both have is as
/// `layout` says.
void add_beside(const gpu::Model* model, const control::WantedGpu& layout,
                control::WantedGpu& kept);

/// Why a GPU cannot be cut so, or may not be offered so, for people: what, what was expected, what
/// to do; "" = it can.
std::string illegal(const gpu::Model* model, const control::WantedGpu& wanted);

/// What control::device_id() was made of; nullopt: it is none of Kerf's.
struct DeviceName {
  std::uint32_t gpu = 0;
  std::string form;
  std::uint8_t start = 0;
};
std::optional<DeviceName> parse_device_id(const std::string& id);

}  // namespace kerf::agent
