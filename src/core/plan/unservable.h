// why_unservable: the reason that no offer can serve a class, the most basic one first.
#pragma once

#include <string>

#include "core/plan/offers.h"
#include "core/plan/problem.h"

namespace kerf::plan {

/// In order: no form anywhere (unknown profile, no GPU that large), nobody admits it, not in the
/// zone it was given ("" = any), too large for every node that would admit it.
Reason why_unservable(Offers& offers, const ItemClass& item, const std::string& zone);

}  // namespace kerf::plan
