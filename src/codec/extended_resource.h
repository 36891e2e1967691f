// is_extended_resource(): names that an extended resource may have.
#pragma once

#include <string_view>

namespace kerf::codec {

/// [domain]/[name], as keys of labels are, with a domain that is not Kubernetes' own
/// (kubernetes/pkg/apis/core/v1/helper: IsExtendedResourceName).
bool is_extended_resource(std::string_view name);

}  // namespace kerf::codec
