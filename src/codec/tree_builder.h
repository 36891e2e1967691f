// TreeBuilder: parser events -> Node, with everything the YAML and the JSON reader check alike.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "codec/document.h"

namespace kerf::codec {

/// Builds one document after another from nested events and holds the limits: depth, values, bytes
/// of a scalar, what aliases expand to; distinct keys; merge keys.
///
/// Each event returns false once there is a problem(); the reader then stops. Anchors live as long
/// as their document, limits as long as the builder (one file).
///
/// Memory: children wait on two shared stacks until their collection ends and are then moved to
/// vectors of exactly the right size, so that no vector in the tree has spare room.
class TreeBuilder {
 public:
  /// What went wrong. `first` is where the earlier of two equal keys stands, else {0,0}.
  struct Problem {
    ErrorCode code = ErrorCode::InvalidArgument;
    Position at;
    Position first;
    std::string message;
  };

  explicit TreeBuilder(const Limits& limits, bool keep_key_positions)
      : limits_(limits), keep_key_positions_(keep_key_positions) {
    frames_.reserve(16);
  }

  void begin_document();
  bool begin(Node::Kind kind, Position at, std::string anchor = {});
  bool end();
  bool scalar(Node node, std::string anchor = {});
  /// The next value's key; `merge` for a plain `<<`.
  bool key(std::string text, Position at, bool merge = false);
  /// An anchor on a key: `&a name: x`. On values it comes with begin() and scalar().
  bool define(std::string anchor, Node scalar);
  /// A copy of an anchored value, counted before it is copied.
  bool alias(std::string_view anchor, Position at);
  /// The anchored value, if it is complete; nullptr also sets a problem.
  const Node* anchored(std::string_view anchor, Position at);

  /// True inside a mapping where a key must come next.
  bool expects_key() const;
  /// The finished document; the builder is ready for begin_document().
  Node take();

  bool failed() const { return failed_; }
  const Problem& problem() const { return problem_; }
  bool fail(ErrorCode code, Position at, std::string message, Position first = {});

 private:
  /// Of a value with all that is in it.
  struct Size {
    std::size_t values = 1;
    std::size_t bytes = 0;   ///< of keys and scalars
    std::size_t height = 0;  ///< levels of collections
  };
  struct Frame {
    Node node;
    std::string anchor;
    Size size;
    std::size_t first_child = 0;  ///< on items_ or members_
    std::string key;
    Position key_at;
    bool has_key = false;
    bool key_is_merge = false;
    bool has_merge = false;
    std::size_t merge_child = 0;  ///< on members_
  };
  struct Anchor {
    Node node;
    Size size;
    bool complete = false;
  };

  bool count_value(Position at);
  bool count_copy(const Size& size, Position at);
  bool add(Node&& node, const Size& size, std::string anchor);
  bool close_mapping(Frame& frame);
  bool keys_distinct(std::size_t first_child);
  bool merge(Node source, Node& target);

  Limits limits_;
  bool keep_key_positions_;
  std::vector<Frame> frames_;
  std::deque<Node> items_;
  std::deque<std::pair<Node::Member, Position>> members_;
  std::map<std::string, Anchor, std::less<>> anchors_;
  Node root_;
  std::size_t values_ = 0;
  std::size_t copied_bytes_ = 0;
  bool failed_ = false;
  Problem problem_;
};

}  // namespace kerf::codec
