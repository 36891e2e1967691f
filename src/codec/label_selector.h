// Label selectors as kubectl -l takes them.
#pragma once

#include <string_view>

#include "base/result.h"
#include "core/cluster/pod.h"

namespace kerf::codec {

/// "app=web,tier!=test,env in (prod,stage),!canary,team": requirements that must all hold, as
/// k8s.io/apimachinery labels.Parse reads them; `!=` and notin hold where the label is absent. At
/// most 16 KiB. Errors say which part is wrong and what was expected.
Result<cluster::Requirements> parse_label_selector(std::string_view text);

}  // namespace kerf::codec
