// Reads selectors as the API server validates them.
#include "codec/kube_selectors.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/quote.h"

namespace kerf::codec {
namespace {

using cluster::Operator;
using cluster::Requirement;
using cluster::Requirements;

bool is_integer(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size();
}

Result<Operator> read_operator(const KubeObject& object, const Node& expression, bool for_nodes) {
  KERF_TRY(const std::string_view op, object.text(&expression, "operator"));
  if (op == "In") return Operator::In;
  if (op == "NotIn") return Operator::NotIn;
  if (op == "Exists") return Operator::Exists;
  if (op == "DoesNotExist") return Operator::DoesNotExist;
  if (for_nodes && op == "Gt") return Operator::Gt;
  if (for_nodes && op == "Lt") return Operator::Lt;
  return object.wrong(expression,
                      fmt::format("operator: expected In, NotIn, Exists{}, got {}",
                                  for_nodes ? ", DoesNotExist, Gt or Lt" : " or DoesNotExist",
                                  op.empty() ? "none" : quoted(op)));
}

}  // namespace

Requirements requirements_of(const Labels& labels) {
  Requirements out;
  out.reserve(labels.size());
  for (const auto& [key, value] : labels) out.push_back({key, Operator::In, {value}});
  return out;
}

Result<Requirement> read_requirement(const KubeObject& object, const Node& expression,
                                     bool for_nodes) {
  KERF_CHECK_OK(object.expect_mapping(expression));
  Requirement out;
  KERF_TRY(const std::string_view key, object.text(&expression, "key"));
  if (key.empty()) return object.wrong(expression, "key is missing: expected a label's name");
  out.key = key;
  KERF_TRY(out.op, read_operator(object, expression, for_nodes));
  KERF_TRY(out.values, object.texts(&expression, "values"));
  switch (out.op) {
    case Operator::In:
    case Operator::NotIn:
      if (out.values.empty()) {
        return object.wrong(expression, "values: In and NotIn need at least one value");
      }
      break;
    case Operator::Exists:
    case Operator::DoesNotExist:
      if (!out.values.empty()) {
        return object.wrong(expression, "values: Exists and DoesNotExist take no values");
      }
      break;
    case Operator::Gt:
    case Operator::Lt:
      if (out.values.size() != 1 || !is_integer(out.values[0])) {
        return object.wrong(expression, "values: Gt and Lt need one value, an integer in quotes");
      }
      break;
  }
  sort_unique(out.values);
  return out;
}

Result<Requirements> label_selector(const KubeObject& object, const Node* selector) {
  KERF_TRY(const Labels labels, object.labels(selector, "matchLabels"));
  Requirements out = requirements_of(labels);
  KERF_TRY(const Node* expressions, object.list(selector, "matchExpressions"));
  if (expressions != nullptr) {
    for (const Node& expression : expressions->items) {
      KERF_TRY(Requirement requirement, read_requirement(object, expression, false));
      out.push_back(std::move(requirement));
    }
  }
  sort_unique(out);
  return out;
}

}  // namespace kerf::codec
