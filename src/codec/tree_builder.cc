// Stacks, limits, anchors and merge keys of the document readers.
#include "codec/tree_builder.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>
#include <unordered_set>
#include <utility>

#include "base/assert.h"
#include "base/quote.h"

namespace kerf::codec {

bool TreeBuilder::fail(ErrorCode code, Position at, std::string message, Position first) {
  if (!failed_) problem_ = Problem{code, at, first, std::move(message)};
  failed_ = true;
  return false;
}

void TreeBuilder::begin_document() {
  KERF_ASSERT(frames_.empty(), "documents do not nest");
  anchors_.clear();
  root_ = Node();
}

bool TreeBuilder::expects_key() const {
  return !frames_.empty() && frames_.back().node.kind == Node::Kind::Mapping &&
         !frames_.back().has_key;
}

bool TreeBuilder::count_value(Position at) {
  if (++values_ <= limits_.nodes) return true;
  return fail(ErrorCode::TooLarge, at,
              fmt::format("more than {} values in one file: split it", limits_.nodes));
}

bool TreeBuilder::count_copy(const Size& size, Position at) {
  if (size.values > limits_.nodes - std::min(values_, limits_.nodes) ||
      size.bytes > limits_.bytes - std::min(copied_bytes_, limits_.bytes)) {
    return fail(ErrorCode::TooLarge, at,
                fmt::format("anchors and aliases expand this file beyond {} values or {} MiB: "
                            "write the values out where they are needed",
                            limits_.nodes, limits_.bytes >> 20));
  }
  values_ += size.values;
  copied_bytes_ += size.bytes;
  return true;
}

bool TreeBuilder::begin(Node::Kind kind, Position at, std::string anchor) {
  if (failed_ || !count_value(at)) return false;
  if (frames_.size() >= limits_.depth) {
    return fail(ErrorCode::TooLarge, at,
                fmt::format("lists and mappings are nested more than {} deep", limits_.depth));
  }
  if (!anchor.empty()) anchors_[anchor].complete = false;
  Frame& frame = frames_.emplace_back();
  frame.node.kind = kind;
  frame.node.at = at;
  frame.anchor = std::move(anchor);
  frame.first_child = kind == Node::Kind::Mapping ? members_.size() : items_.size();
  return true;
}

bool TreeBuilder::scalar(Node node, std::string anchor) {
  if (failed_ || !count_value(node.at)) return false;
  if (node.text.size() > limits_.scalar_bytes) {
    return fail(ErrorCode::TooLarge, node.at,
                fmt::format("a value of {} bytes: at most {} are read", node.text.size(),
                            limits_.scalar_bytes));
  }
  const Size size{1, node.text.size(), 0};
  return add(std::move(node), size, std::move(anchor));
}

bool TreeBuilder::key(std::string text, Position at, bool merge) {
  KERF_ASSERT(expects_key(), "a key stands in a mapping, before its value");
  if (failed_) return false;
  if (text.size() > limits_.scalar_bytes) {
    return fail(
        ErrorCode::TooLarge, at,
        fmt::format("a key of {} bytes: at most {} are read", text.size(), limits_.scalar_bytes));
  }
  Frame& frame = frames_.back();
  frame.size.bytes += text.size();
  frame.key = std::move(text);
  frame.key_at = at;
  frame.has_key = true;
  frame.key_is_merge = merge;
  return true;
}

bool TreeBuilder::define(std::string anchor, Node scalar) {
  const Size size{1, scalar.text.size(), 0};
  if (failed_ || !count_copy(size, scalar.at)) return false;
  anchors_[std::move(anchor)] = Anchor{std::move(scalar), size, true};
  return true;
}

const Node* TreeBuilder::anchored(std::string_view anchor, Position at) {
  const auto found = anchors_.find(anchor);
  if (found != anchors_.end() && found->second.complete) return &found->second.node;
  fail(ErrorCode::InvalidArgument, at,
       found == anchors_.end()
           ? fmt::format("alias *{} has no anchor &{} before it in its document", anchor, anchor)
           : fmt::format("alias *{} stands inside its own anchor", anchor));
  return nullptr;
}

bool TreeBuilder::alias(std::string_view anchor, Position at) {
  if (failed_ || anchored(anchor, at) == nullptr) return false;
  const Anchor& source = anchors_.find(anchor)->second;
  if (!count_copy(source.size, at)) return false;
  if (frames_.size() + source.size.height > limits_.depth) {
    return fail(ErrorCode::TooLarge, at,
                fmt::format("with alias *{} lists and mappings are nested more than {} deep",
                            anchor, limits_.depth));
  }
  return add(Node(source.node), source.size, {});
}

/// Puts a complete value where it belongs: its anchor, its parent, or the root.
bool TreeBuilder::add(Node&& node, const Size& size, std::string anchor) {
  if (!anchor.empty()) {
    // The copy counts as an alias does: nested anchors must not cost more than their aliases could.
    if (!count_copy(size, node.at)) return false;
    anchors_[std::move(anchor)] = Anchor{node, size, true};
  }
  if (frames_.empty()) {
    root_ = std::move(node);
    return true;
  }
  Frame& frame = frames_.back();
  frame.size.values += size.values;
  frame.size.bytes += size.bytes;
  frame.size.height = std::max(frame.size.height, size.height);
  if (frame.node.kind == Node::Kind::Sequence) {
    items_.push_back(std::move(node));
    return true;
  }
  KERF_ASSERT(frame.has_key, "a value in a mapping has a key");
  frame.has_key = false;
  if (frame.key_is_merge) {
    if (frame.has_merge) {
      return fail(ErrorCode::InvalidArgument, frame.key_at,
                  "a second \"<<\" in one mapping: merge several with <<: [*a, *b]",
                  members_[frame.merge_child].second);
    }
    frame.has_merge = true;
    frame.merge_child = members_.size();
  }
  members_.emplace_back(std::piecewise_construct,
                        std::forward_as_tuple(std::move(frame.key), std::move(node)),
                        std::forward_as_tuple(frame.key_at));
  return true;
}

bool TreeBuilder::end() {
  KERF_ASSERT(!frames_.empty(), "an end has its begin");
  if (failed_) return false;
  Frame frame = std::move(frames_.back());
  frames_.pop_back();
  if (frame.node.kind == Node::Kind::Mapping) {
    if (!close_mapping(frame)) return false;
  } else {
    const auto first = items_.begin() + static_cast<std::ptrdiff_t>(frame.first_child);
    frame.node.items.assign(std::make_move_iterator(first), std::make_move_iterator(items_.end()));
    items_.resize(frame.first_child);
  }
  ++frame.size.height;
  return add(std::move(frame.node), frame.size, std::move(frame.anchor));
}

bool TreeBuilder::close_mapping(Frame& frame) {
  if (!keys_distinct(frame.first_child)) return false;
  const std::size_t count = members_.size() - frame.first_child - (frame.has_merge ? 1 : 0);
  Node& node = frame.node;
  Node merged;
  node.members.reserve(count);
  if (keep_key_positions_) node.key_at.reserve(count);
  for (std::size_t i = frame.first_child; i < members_.size(); ++i) {
    auto& [member, at] = members_[i];
    if (frame.has_merge && i == frame.merge_child) {
      merged = std::move(member.second);
      continue;
    }
    node.members.push_back(std::move(member));
    if (keep_key_positions_) node.key_at.push_back(at);
  }
  members_.resize(frame.first_child);
  return !frame.has_merge || merge(std::move(merged), node);
}

bool TreeBuilder::keys_distinct(std::size_t first_child) {
  const std::size_t count = members_.size() - first_child;
  const auto key_of = [&](std::size_t i) -> const std::string& {
    return members_[first_child + i].first.first;
  };
  const auto duplicate = [&](std::size_t first, std::size_t second) {
    return fail(ErrorCode::InvalidArgument, members_[first_child + second].second,
                fmt::format("duplicate key {}", quoted(key_of(second))),
                members_[first_child + first].second);
  };
  constexpr std::size_t kFew = 12;  // below this comparing all pairs is quicker than sorting
  if (count <= kFew) {
    for (std::size_t second = 1; second < count; ++second) {
      for (std::size_t first = 0; first < second; ++first) {
        if (key_of(first) == key_of(second)) return duplicate(first, second);
      }
    }
    return true;
  }
  std::vector<std::pair<std::string_view, std::size_t>> order;
  order.reserve(count);
  for (std::size_t i = 0; i < count; ++i) order.emplace_back(key_of(i), i);
  std::sort(order.begin(), order.end());
  const auto same = std::adjacent_find(
      order.begin(), order.end(), [](const auto& a, const auto& b) { return a.first == b.first; });
  return same == order.end() || duplicate(same->second, (same + 1)->second);
}

/// YAML 1.1 merge: keys of the mapping itself win, then those of earlier sources. (go-yaml v2 lets
/// a
/// `<<` that stands below a key of the same name win; the YAML type repository does not.)
bool TreeBuilder::merge(Node source, Node& target) {
  std::vector<Node> sources;
  const Position at = source.at;
  if (source.kind == Node::Kind::Sequence) {
    sources = std::move(source.items);
  } else {
    sources.push_back(std::move(source));
  }
  std::size_t most = target.members.size();
  for (const Node& one : sources) {
    if (one.kind != Node::Kind::Mapping) {
      return fail(ErrorCode::InvalidArgument, at,
                  fmt::format("\"<<\" merges a mapping or a list of mappings; this is {}",
                              describe(one.kind)));
    }
    most += one.members.size();
  }
  target.members.reserve(most);  // no string may move: `known` points to their bytes
  std::unordered_set<std::string_view> known;
  for (const Node::Member& member : target.members) known.insert(member.first);
  for (Node& one : sources) {
    for (std::size_t i = 0; i < one.members.size(); ++i) {
      if (known.contains(one.members[i].first)) continue;
      target.members.push_back(std::move(one.members[i]));
      known.insert(target.members.back().first);
      if (keep_key_positions_) target.key_at.push_back(one.key_at[i]);
    }
  }
  return true;
}

Node TreeBuilder::take() {
  KERF_ASSERT(frames_.empty(), "the document has ended");
  return std::move(root_);
}

}  // namespace kerf::codec
