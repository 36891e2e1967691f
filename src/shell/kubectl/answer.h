// What kubectl's end means: which of its errors concern one kind, and which the whole cluster.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "shell/runtime/child.h"

namespace kerf::kubectl {

enum class Answer : std::uint8_t {
  Good,
  Absent,       ///< the API server does not have such a resource
  Forbidden,    ///< the user may not
  Refused,      ///< the API server does not know the user, or a credential plugin failed
  NoContext,    ///< no kubeconfig, or not such a context in it
  Unreachable,  ///< no connection to the API server
  Slow,         ///< it was not done in time and was ended
  Failed,       ///< anything else
};

struct Judged {
  Answer answer = Answer::Good;
  std::string words;  ///< kubectl's own line, safe to show; "" if it said nothing

  /// Another call would fare no better.
  bool concerns_all() const {
    return answer == Answer::Refused || answer == Answer::NoContext ||
           answer == Answer::Unreachable;
  }
};

/// Judges by exit code and by kubectl's words in standard error, which are English in every locale
/// (k8s.io/kubectl/pkg/cmd/util/helpers.go and client-go's loader and exec plugin).
Judged judge(const runtime::ChildOutcome& outcome);

/// What to do about an answer that concerns all calls: a sentence.
std::string_view advice(Answer answer);

}  // namespace kerf::kubectl
