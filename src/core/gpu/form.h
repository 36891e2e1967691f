// Form: one way in which a pod can hold a GPU or a part of it; what makes them comparable on price.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "core/gpu/model.h"

namespace kerf::gpu {

/// Closed list of the ways a GPU is handed out.
enum class FormKind : std::uint8_t {
  Whole,       ///< one pod has the GPU
  Slice,       ///< a MIG slice: own memory and engines, enforced
  Fraction,    ///< the GPU of a fractional instance (g6f): cut by AWS, one per node
  TimeSliced,  ///< replicas take turns; memory is not enforced
  Mps,         ///< one namespace and user per GPU, equal enforced memory, shared engine
};

/// Which of a GPU's modes a node offers. On Ampere the mode is set for a node at boot, so a node is
/// Cut or Whole; on later GPUs each GPU may be either.
enum class GpuMode : std::uint8_t { Any, Cut, Whole };

/// True if a node of this type is Cut or Whole as a whole; else each of its GPUs is what it is,
/// Any.
bool mode_is_the_nodes(const Model& model, std::uint8_t fraction);

/// A form on a given GPU model.
struct Form {
  FormKind kind = FormKind::Whole;
  std::uint8_t profile = 0;     ///< Slice: index in Model::profiles
  std::uint8_t replicas = 1;    ///< TimeSliced, Mps: how many share one GPU
  std::uint8_t fraction = 1;    ///< Fraction: 1/fraction of the physical GPU
  std::int32_t nominal_gb = 0;  ///< what a portable request is compared with
  std::int32_t memory_mib = 0;  ///< usable; 0 = unknown
  bool operator==(const Form&) const = default;

  /// There without being cut, as long as nothing else is on the GPU.
  bool by_nature() const { return kind == FormKind::Whole || kind == FormKind::Fraction; }
  bool memory_enforced() const { return kind != FormKind::TimeSliced; }
  bool own_engine() const { return kind != FormKind::TimeSliced && kind != FormKind::Mps; }
};

/// May a GPU of this mode be handed out so? Cut: slices only; Whole: all but slices.
bool allowed_in(GpuMode mode, const Form& form);

/// Which shared forms a fleet may use.
struct SharingOptions {
  std::vector<std::uint8_t> time_slicing_replicas = {2, 3, 4, 6, 8};
  bool offer_mps = false;  ///< modelled; no agent serves it yet
  std::vector<std::uint8_t> mps_replicas = {2, 3, 4, 6, 8};
};

/// Every form of one GPU of this model. `fraction` > 1: a fractional instance, which has the one
/// form Fraction. Else Whole, all slices of a cuttable model (special profiles too), and the shared
/// forms; a share of a GPU with nominal G among r pods has nominal floor(G / r).
std::vector<Form> forms_of(const Model& model, std::uint8_t fraction,
                           const SharingOptions& sharing);

/// "whole A100-40", "1g.10gb", "1/4 L4", "1/4 of T4, time-sliced".
std::string describe(const Model& model, const Form& form);

/// The same with the model in every case: "1g.10gb A100-80", "whole T4", "1/4 T4, time-sliced".
std::string full_name(const Model& model, const Form& form);

/// Forms of one model and how many of each.
using Devices = std::vector<std::pair<Form, std::int64_t>>;
/// full_name() of all of them: "whole T4", "4 x whole H100-80", "1g.10gb + 2 x 2g.20gb A100-80".
std::string full_name(const Model& model, const Devices& devices);

/// True if holding `a` instead of `b` on the same GPU never takes room that `b` would leave: same
/// starts or more, no wider, no more engines. Used to drop forms that are never the better choice.
bool dominates(const Model& model, const Form& a, const Form& b);

}  // namespace kerf::gpu
