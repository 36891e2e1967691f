// Node and its makers; the form of errors that point into a file.
#include "codec/document.h"

#include <fmt/format.h>

#include "base/assert.h"

namespace kerf::codec {

Node Node::null() { return {}; }

Node Node::of(bool value) {
  Node node;
  node.kind = Kind::Bool;
  node.boolean = value;
  node.text = value ? "true" : "false";
  return node;
}

Node Node::of(std::int64_t value) {
  Node node;
  node.kind = Kind::Int;
  node.integer = value;
  node.text = std::to_string(value);
  return node;
}

Node Node::of(double value) {
  Node node;
  node.kind = Kind::Float;
  node.real = value;
  node.text = fmt::format("{}", value);
  return node;
}

Node Node::of(std::string value) {
  Node node;
  node.kind = Kind::String;
  node.text = std::move(value);
  return node;
}

Node Node::of(const char* value) { return of(std::string(value)); }

Node Node::sequence() {
  Node node;
  node.kind = Kind::Sequence;
  return node;
}

Node Node::mapping() {
  Node node;
  node.kind = Kind::Mapping;
  return node;
}

Node& Node::push(Node value) {
  KERF_ASSERT(kind == Kind::Sequence, "push() is for sequences");
  items.push_back(std::move(value));
  return *this;
}

Node& Node::set(std::string key, Node value) {
  KERF_ASSERT(kind == Kind::Mapping, "set() is for mappings");
  members.emplace_back(std::move(key), std::move(value));
  return *this;
}

const Node* Node::find(std::string_view key) const {
  for (const Member& member : members) {
    if (member.first == key) return &member.second;
  }
  return nullptr;
}

std::string_view describe(Node::Kind kind) {
  switch (kind) {
    case Node::Kind::Null: return "nothing (null)";
    case Node::Kind::Bool: return "true or false";
    case Node::Kind::Int: return "an integer";
    case Node::Kind::Float: return "a number";
    case Node::Kind::String: return "a string";
    case Node::Kind::Sequence: return "a list";
    case Node::Kind::Mapping: return "a mapping";
  }
  return "?";
}

Error error_at(std::string_view file, Position at, std::string_view message, ErrorCode code) {
  if (at.line == 0) return Error(code, fmt::format("{}: {}", file, message));
  if (at.column == 0) return Error(code, fmt::format("{}:{}: {}", file, at.line, message));
  return Error(code, fmt::format("{}:{}:{}: {}", file, at.line, at.column, message));
}

}  // namespace kerf::codec
