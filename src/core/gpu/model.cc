// GPU models: what follows from the catalogue's rows.
#include "core/gpu/model.h"

#include <algorithm>
#include <tuple>

#include "base/assert.h"

namespace kerf::gpu {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool same_but_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

}  // namespace

bool Model::cuttable() const {
  return slots > 0 && !profiles.empty() &&
         std::all_of(profiles.begin(), profiles.end(), [](const Profile& profile) {
           return profile.status != Status::Unverified && profile.slots > 0 &&
                  !profile.starts.empty();
         });
}

std::optional<std::size_t> Model::profile_named(std::string_view name) const {
  for (std::size_t i = 0; i < profiles.size(); ++i) {
    if (profiles[i].name == name) return i;
  }
  return std::nullopt;
}

const Profile& Model::full_profile() const {
  KERF_ASSERT(!profiles.empty(), "a model without MIG has no full-GPU profile");
  return *std::max_element(
      profiles.begin(), profiles.end(), [](const Profile& a, const Profile& b) {
        return std::tie(a.compute_slices, a.slots) < std::tie(b.compute_slices, b.slots);
      });  // the first of equals: plain before +gfx
}

std::string resource_name(const Profile& profile) {
  std::string name = "nvidia.com/mig-" + profile.name;
  std::replace(name.begin(), name.end(), '+', '.');
  return name;
}

const Model* Catalogue::find(std::string_view key) const {
  for (const Model& model : models) {
    if (same_but_case(model.key, key)) return &model;
  }
  return nullptr;
}

}  // namespace kerf::gpu
