// Field: one value of a document that must match a schema exactly; every error says where and what.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/money.h"
#include "base/quantity.h"
#include "codec/document.h"

namespace kerf::codec {

struct FieldRule;

/// A value with its file and path. The document must outlive it.
class Field {
 public:
  Field(std::string_view file, const Node& node, std::string path = {})
      : file_(file), node_(&node), path_(std::move(path)) {}

  std::string_view file() const { return file_; }
  const Node& node() const { return *node_; }
  const std::string& path() const { return path_; }

  /// "policy.yaml:9:5: spec.zones: message".
  tl::unexpected<Error> wrong(std::string_view message) const;
  /// wrong("expected <what>, got <what is there>").
  tl::unexpected<Error> expected(std::string_view what) const;
  /// Puts the field in front of an error about its content; the code stays.
  tl::unexpected<Error> wrong(const Error& error) const;

  /// Reads a mapping field by field. A field with the value null counts as not given. Refused:
  /// another kind of value, fields without a rule (the nearest known name is told), and a missing
  /// field that its rule requires.
  Result<void> object(std::initializer_list<FieldRule> rules) const;

  /// A string that is not empty, of at most `bytes_max`.
  Result<std::string> text(std::size_t bytes_max = 253) const;
  /// One of these words; its index.
  Result<std::size_t> one_of(std::initializer_list<std::string_view> words) const;
  Result<std::int64_t> integer(std::int64_t least, std::int64_t most) const;
  /// A number or a string, as text: for quantities and money, whose readers want every digit.
  Result<std::string> number_text() const;
  /// A CPU, memory or disk quantity in the unit that `round` gives; not more than any node has.
  Result<std::int64_t> quantity(Result<std::int64_t> (*round)(const Quantity&)) const;
  /// Dollars per hour.
  Result<MicroUsdPerHour> usd_per_hour() const;

  /// The entries of a list with at least one and at most `most`.
  Result<std::vector<Field>> items(std::size_t most) const;
  /// The values of a mapping whose keys are names from outside; those that are null are left out.
  /// Each has its key as the last part of its path, in brackets.
  Result<std::vector<std::pair<std::string, Field>>> members(std::size_t most) const;
  /// A list of different strings, each accepted by `check` (may be empty).
  Result<std::vector<std::string>> texts(
      std::size_t most, const std::function<Result<void>(const Field&)>& check = {}) const;
  /// Labels: keys and values as Kubernetes allows them. `refuse` may say why a key is not possible
  /// here (empty: it is).
  Result<std::map<std::string, std::string>> labels(
      std::size_t most, const std::function<std::string(std::string_view key)>& refuse = {}) const;

 private:
  Result<void> dispatch(const FieldRule* first, const FieldRule* last) const;
  /// An error that points to the key of node().members[member].
  tl::unexpected<Error> wrong_key(std::size_t member, std::string_view message) const;

  std::string_view file_;
  const Node* node_;
  std::string path_;
};

/// What to do with one field of a mapping.
struct FieldRule {
  std::string_view name;
  std::function<Result<void>(const Field&)> read;
  bool required = false;
};

/// `into` = the value, for rules: `return store(field.integer(0, 9), policy.count);`.
template <class T, class Target>
Result<void> store(Result<T> value, Target& into) {
  if (!value) return tl::unexpected(std::move(value).error());
  into = *std::move(value);
  return {};
}

/// Only checks: the value is let go.
template <class T>
Result<void> checked(const Result<T>& value) {
  if (!value) return tl::unexpected(value.error());
  return {};
}

/// The name in `known` that `name` is most likely a misspelling of; empty if none is near.
std::string_view nearest_name(std::string_view name, const std::vector<std::string_view>& known);

/// [prefix/]name, as keys of labels and taints are.
bool is_label_key(std::string_view text);
/// Up to 63 letters, digits, '-', '_' and '.', ends alphanumeric; may be empty.
bool is_label_value(std::string_view text);
/// Lower-case DNS name, as most objects and namespaces have: labels of letters, digits and '-',
/// joined by dots, at most 253 bytes.
bool is_object_name(std::string_view text);

}  // namespace kerf::codec
