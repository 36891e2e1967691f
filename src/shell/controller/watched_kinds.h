// What the controller watches: which collections make which of its kinds, and which surround pods.
#pragma once

#include <optional>
#include <vector>

#include "core/control/object.h"
#include "shell/apiserver/resource.h"
#include "shell/controller/feed.h"
#include "shell/controller/surroundings_book.h"

namespace kerf::shell {

/// One feed: its objects are of a kind of the mind's, or surround pods, or both (PriorityClasses).
struct Watched {
  std::optional<control::Kind> kind;
  std::optional<Around> around;
  Feed::Options options;
};

/// In the order in which they are begun. Without `look_again_ms`.
std::vector<Watched> watched_kinds(const apiserver::Resource& node_classes);

}  // namespace kerf::shell
