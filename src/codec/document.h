// Document: a YAML or JSON document as values that know where they stand in their file.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace kerf::codec {

/// 1-based, as editors count; 0 = made by Kerf, not read.
struct Position {
  std::uint32_t line = 0;
  std::uint32_t column = 0;
};

/// One value of a document. Scalars keep what Kubernetes' own reader would make of them
/// (sigs.k8s.io/yaml: YAML 1.1 core rules as JSON): Int only if it fits int64, else Float.
struct Node {
  enum class Kind : std::uint8_t { Null, Bool, Int, Float, String, Sequence, Mapping };
  using Member = std::pair<std::string, Node>;

  Kind kind = Kind::Null;
  Position at;
  bool boolean = false;
  std::int64_t integer = 0;
  double real = 0;
  std::string text;             ///< String: the value; other scalars: as written
  std::vector<Node> items;      ///< Sequence
  std::vector<Member> members;  ///< Mapping, in file order; keys are distinct (held by the readers)
  std::vector<Position> key_at;  ///< Mapping: where each key stands (empty when made by Kerf)

  // Making values (for writers).
  Node() = default;
  static Node null();
  static Node of(bool value);
  static Node of(std::int64_t value);
  static Node of(double value);
  static Node of(std::string value);
  static Node of(const char* value);
  static Node sequence();
  static Node mapping();
  Node& push(Node value);                  ///< Sequence; returns *this
  Node& set(std::string key, Node value);  ///< Mapping, appended; returns *this

  // Reading values.
  bool is_null() const { return kind == Kind::Null; }
  bool is_scalar() const { return kind != Kind::Sequence && kind != Kind::Mapping; }
  const Node* find(std::string_view key) const;  ///< nullptr if absent or not a mapping
};

/// "a string", "a list": for messages.
std::string_view describe(Node::Kind kind);

/// A document and the file it is from.
struct Document {
  std::string file;  ///< "-" for standard input
  Node root;
};

/// "llm.yaml:12:3: message", the form of every error that points into a file.
Error error_at(std::string_view file, Position at, std::string_view message,
               ErrorCode code = ErrorCode::InvalidArgument);

/// Bounds on every document read: TooLarge beyond them.
struct Limits {
  std::size_t bytes = 128u << 20;  ///< one file
  std::size_t depth = 128;
  std::size_t nodes = 8'000'000;  ///< values in one file, aliases counted as often as used
  std::size_t documents = 200'000;
  std::size_t scalar_bytes = 16u << 20;  ///< one scalar (a ConfigMap may hold a large one)
};

}  // namespace kerf::codec
