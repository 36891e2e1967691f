// is_owned(): which offerings are nodes that are paid for already.
#pragma once

#include "core/market/market.h"

namespace kerf::market {

/// A limited number, at price 0.
inline bool is_owned(const Offering& offering) {
  return offering.count && offering.price.micro == 0;
}

}  // namespace kerf::market
