// One call of the user's kubectl: its command line, and its output item by item or as text.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "codec/cluster_reading.h"
#include "shell/kubectl/answer.h"
#include "shell/kubectl/kubectl.h"

namespace kerf::kubectl {

/// What one kind's call gave.
struct ListAnswer {
  Judged judged;
  std::vector<codec::Node> items;  ///< stripped, in order; none unless the answer is good
};

/// `kubectl get RESOURCE -o json` in one namespace, or in all if `ns` is "". Error: kubectl cannot
/// be started.
Result<ListAnswer> list(const KubectlOptions& options, const codec::ClusterKind& kind,
                        std::string_view ns);

struct TextAnswer {
  Judged judged;
  std::string text;
};
/// Any other call: what it prints, of at most `bytes_max`.
Result<TextAnswer> text_of(const KubectlOptions& options, std::vector<std::string> words,
                           std::size_t bytes_max);

}  // namespace kerf::kubectl
