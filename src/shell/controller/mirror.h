// Mirror: what Watches knows of single objects, for whoever only looks things up in it.
#pragma once

#include <functional>

#include "shell/controller/watches.h"

namespace kerf::shell {

/// Called on the loop's thread; what find() gave is good until the loop's next function.
struct Mirror {
  std::function<const Watches::Known*(control::Kind, const control::Key&)> find;
};

/// Of `watches`, which must outlive it.
inline Mirror mirror_of(const Watches& watches) {
  return {
      [&watches](control::Kind kind, const control::Key& key) { return watches.find(kind, key); }};
}

}  // namespace kerf::shell
