// Messages of kubelet's APIs as plain values, and back; with bounds on what is taken.
#pragma once

#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "core/agent/words.h"

namespace v1beta1 {
class AllocateRequest;
class AllocateResponse;
class ListAndWatchResponse;
class PreferredAllocationRequest;
class PreferredAllocationResponse;
}  // namespace v1beta1
namespace v1 {
class AllocatableResourcesResponse;
class ListPodResourcesResponse;
}  // namespace v1

namespace kerf::kubelet {

/// What kubelet may ask of a plugin; a node has at most 16 GPUs of 64 devices.
inline constexpr std::size_t kRequestBytesMax = 512u << 10;
inline constexpr std::size_t kContainersMax = 64;
inline constexpr std::size_t kDevicesMax = 4096;  ///< named in one request
inline constexpr std::size_t kIdBytesMax = 256;
/// What PodResources may answer.
inline constexpr std::size_t kAnswerBytesMax = 16u << 20;

struct PreferAsk {
  std::vector<std::string> available;
  std::vector<std::string> must_include;
  std::size_t size = 0;
};

/// By container, the devices it is to get: at least one each, none twice. Errors are
/// InvalidArgument or TooLarge, in words for kubelet's event.
Result<std::vector<std::vector<std::string>>> containers_of(
    const v1beta1::AllocateRequest& request);
/// By container. The size is at least what must be included, at most what is available.
Result<std::vector<PreferAsk>> containers_of(const v1beta1::PreferredAllocationRequest& request);
/// Of all containers that are shown, sorted, each once.
std::vector<agent::Holder> holders_of(const v1::ListPodResourcesResponse& response);
/// By resource: device ids.
std::map<std::string, std::set<std::string>> allocatable_of(
    const v1::AllocatableResourcesResponse& response);

/// The same of a message's bytes; InvalidArgument if they are none, TooLarge beyond the bounds.
Result<std::vector<std::vector<std::string>>> read_allocate(std::string_view bytes);
Result<std::vector<PreferAsk>> read_prefer(std::string_view bytes);
Result<std::vector<agent::Holder>> read_holders(std::string_view bytes);
Result<std::map<std::string, std::set<std::string>>> read_allocatable(std::string_view bytes);

void fill(v1beta1::ListAndWatchResponse& message, const std::vector<agent::ServedDevice>& devices);
/// CDI names, and nothing else.
void fill(v1beta1::AllocateResponse& message,
          const std::vector<std::vector<std::string>>& containers);
void fill(v1beta1::PreferredAllocationResponse& message,
          const std::vector<std::vector<std::string>>& containers);

/// The name under nvidia.com/ or kerf.dev/ of each resource that has a device whose id is none of
/// Kerf's: another plugin serves it.
std::set<std::string> foreign_in(const std::map<std::string, std::set<std::string>>& allocatable);

}  // namespace kerf::kubelet
