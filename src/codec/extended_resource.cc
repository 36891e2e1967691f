// Which names an extended resource may have.
#include "codec/extended_resource.h"

#include "codec/strict_fields.h"

namespace kerf::codec {

bool is_extended_resource(std::string_view name) {
  constexpr std::string_view kQuota = "requests.";  // quotas put it in front of the name
  constexpr std::size_t kDomainBytesMax = 253 - kQuota.size();
  const std::size_t slash = name.find('/');
  if (slash == std::string_view::npos || slash > kDomainBytesMax || !is_label_key(name))
    return false;
  // Kubernetes looks for "kubernetes.io/" anywhere in the name.
  return name.find("kubernetes.io/") == std::string_view::npos && !name.starts_with(kQuota);
}

}  // namespace kerf::codec
