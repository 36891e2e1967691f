// parse_yaml: libyaml's events through a TreeBuilder, with Kubernetes' rules for scalars and keys.
#include "codec/yaml.h"

#include <fmt/format.h>
#include <yaml.h>

#include <cmath>
#include <optional>
#include <string>
#include <utility>

#include "base/assert.h"
#include "base/quote.h"
#include "codec/tree_builder.h"
#include "codec/yaml_scalar.h"
#include "codec/yaml_text.h"

namespace kerf::codec {
namespace {

constexpr std::string_view kStandardTags = "tag:yaml.org,2002:";

std::string_view view(const yaml_char_t* text) {
  return text == nullptr ? std::string_view() : reinterpret_cast<const char*>(text);
}

std::string_view view(const char* text) {
  return text == nullptr ? std::string_view() : std::string_view(text);
}

Position position(const yaml_mark_t& mark) {
  return {static_cast<std::uint32_t>(mark.line + 1), static_cast<std::uint32_t>(mark.column + 1)};
}

/// One event; freed when the next is read.
class Event {
 public:
  Event() = default;
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  ~Event() { yaml_event_delete(&event_); }

  bool read(yaml_parser_t& parser) {
    yaml_event_delete(&event_);
    return yaml_parser_parse(&parser, &event_) == 1;
  }
  const yaml_event_t& operator*() const { return event_; }

 private:
  yaml_event_t event_{};
};

class Reader {
 public:
  Reader(std::string_view text, std::string_view file, const Limits& limits)
      : text_(text), file_(file), limits_(limits), builder_(limits, true) {
    KERF_ASSERT(yaml_parser_initialize(&parser_) == 1, "there is memory for a parser");
    yaml_parser_set_encoding(&parser_, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser_, reinterpret_cast<const unsigned char*>(text.data()),
                                 text.size());
  }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;
  ~Reader() { yaml_parser_delete(&parser_); }

  Result<std::vector<Document>> read() {
    Event event;
    while (true) {
      if (!event.read(parser_)) return tl::unexpected(syntax_error());
      if ((*event).type == YAML_STREAM_END_EVENT) return std::move(documents_);
      if (!on(*event)) return tl::unexpected(builder_error());
    }
  }

 private:
  /// False when the builder has a problem.
  bool on(const yaml_event_t& event) {
    const Position at = position(event.start_mark);
    switch (event.type) {
      case YAML_DOCUMENT_START_EVENT:
        builder_.begin_document();
        if (++documents_seen_ <= limits_.documents) return true;
        return builder_.fail(
            ErrorCode::TooLarge, at,
            fmt::format("more than {} documents in one file: split it", limits_.documents));
      case YAML_DOCUMENT_END_EVENT: {
        Node root = builder_.take();
        if (!root.is_null()) documents_.push_back({std::string(file_), std::move(root)});
        return true;
      }
      case YAML_SCALAR_EVENT: return on_scalar(event, at);
      case YAML_ALIAS_EVENT: return on_alias(view(event.data.alias.anchor), at);
      case YAML_SEQUENCE_START_EVENT: {
        const auto& start = event.data.sequence_start;
        return begin(Node::Kind::Sequence, at, view(start.tag), view(start.anchor));
      }
      case YAML_MAPPING_START_EVENT: {
        const auto& start = event.data.mapping_start;
        return begin(Node::Kind::Mapping, at, view(start.tag), view(start.anchor));
      }
      case YAML_SEQUENCE_END_EVENT:
      case YAML_MAPPING_END_EVENT: return builder_.end();
      default: return true;
    }
  }

  bool begin(Node::Kind kind, Position at, std::string_view tag, std::string_view anchor) {
    if (builder_.expects_key()) {
      return refuse(at, fmt::format("{} as a key: keys must be text", describe(kind)));
    }
    const std::string_view expected = kind == Node::Kind::Mapping ? "map" : "seq";
    if (!tag.empty() && tag != "!" && tag != std::string(kStandardTags).append(expected)) {
      return refuse_tag(at, tag);
    }
    return builder_.begin(kind, at, std::string(anchor));
  }

  bool on_scalar(const yaml_event_t& event, Position at) {
    const auto& scalar = event.data.scalar;
    const std::string_view value(reinterpret_cast<const char*>(scalar.value), scalar.length);
    const std::string_view tag = view(scalar.tag);
    const bool plain = scalar.style == YAML_PLAIN_SCALAR_STYLE;
    if (plain && has_helm_action(value)) return refuse(at, std::string(kHelmTemplate));

    std::optional<Node> node = resolve(value, tag, plain, at);
    if (!node) return false;
    node->at = at;
    const std::string_view anchor = view(scalar.anchor);
    if (!builder_.expects_key()) {
      if (node->kind == Node::Kind::Float && !std::isfinite(node->real)) {
        return refuse(at, fmt::format("{} is no number that Kubernetes takes", quoted(value)));
      }
      return builder_.scalar(*std::move(node), std::string(anchor));
    }
    if (!anchor.empty() && !builder_.define(std::string(anchor), *node)) return false;
    const bool merge = value == "<<" && (tag.empty() ? plain : tag.ends_with(":merge"));
    return on_key(*node, at, merge);
  }

  bool on_key(const Node& node, Position at, bool merge) {
    if (node.is_null()) return refuse(at, "an empty key: keys must be text");
    return builder_.key(key_text(node), at, merge);
  }

  bool on_alias(std::string_view anchor, Position at) {
    if (!builder_.expects_key()) return builder_.alias(anchor, at);
    const Node* const node = builder_.anchored(anchor, at);
    if (node == nullptr) return false;
    if (!node->is_scalar()) {
      return refuse(at, fmt::format("{} as a key: keys must be text", describe(node->kind)));
    }
    return on_key(*node, at, false);
  }

  /// The value of a scalar with its tag, as sigs.k8s.io/yaml v1.4 (goyaml.v2/resolve.go) has it;
  /// nullopt sets a problem.
  std::optional<Node> resolve(std::string_view value, std::string_view tag, bool plain,
                              Position at) {
    if (tag.empty()) return plain ? resolve_plain(value) : Node::of(std::string(value));
    if (tag == "!") return Node::of(std::string(value));
    if (!tag.starts_with(kStandardTags)) {
      refuse_tag(at, tag);
      return std::nullopt;
    }
    const std::string_view name = tag.substr(kStandardTags.size());
    // Binary data stays as it is written: nothing that Kerf reads is binary.
    if (name == "str" || name == "binary" || name == "timestamp" || name == "merge") {
      return Node::of(std::string(value));
    }
    Node node = resolve_plain(value);
    using Kind = Node::Kind;
    if (name == "float" && node.kind == Kind::Int) {
      node.kind = Kind::Float;
      node.real = static_cast<double>(node.integer);
    }
    if ((name == "int" && node.kind == Kind::Int) ||
        (name == "float" && node.kind == Kind::Float) ||
        (name == "bool" && node.kind == Kind::Bool) ||
        (name == "null" && node.kind == Kind::Null)) {
      return node;
    }
    if (name == "int" || name == "float" || name == "bool" || name == "null") {
      refuse(at,
             fmt::format("{} is tagged !!{} but is {}", quoted(value), name, describe(node.kind)));
    } else {
      refuse_tag(at, tag);
    }
    return std::nullopt;
  }

  bool refuse(Position at, std::string message) {
    return builder_.fail(ErrorCode::InvalidArgument, at, std::move(message));
  }

  bool refuse_tag(Position at, std::string_view tag) {
    std::string shown(tag);
    if (tag.starts_with(kStandardTags)) shown = "!!" + shown.substr(kStandardTags.size());
    return refuse(at, fmt::format("the tag {} has no meaning here: Kubernetes reads plain YAML; "
                                  "remove it",
                                  quoted(shown)));
  }

  Error builder_error() const {
    const TreeBuilder::Problem& problem = builder_.problem();
    if (problem.code == ErrorCode::InvalidArgument) {
      // What a template leaves behind is seldom what is wrong with it.
      const std::optional<Position> found = find_template(text_, problem.at.line);
      if (found) return error_at(file_, *found, kHelmTemplate);
    }
    std::string message = problem.message;
    if (problem.first.line != 0) {
      message += fmt::format(", first given at {}:{}", problem.first.line, problem.first.column);
    }
    return error_at(file_, problem.at, message, problem.code);
  }

  Error syntax_error() const {
    if (parser_.error == YAML_MEMORY_ERROR || parser_.error == YAML_READER_ERROR) {
      return error_at(file_, position(parser_.mark),
                      parser_.problem ? view(parser_.problem) : "there is not enough memory for it",
                      ErrorCode::TooLarge);
    }
    YamlProblem problem;
    problem.problem = view(parser_.problem);
    problem.at = position(parser_.problem_mark);
    problem.context = view(parser_.context);
    if (!problem.context.empty()) problem.context_at = position(parser_.context_mark);
    const Explanation explained = explain(problem, text_);
    std::optional<Position> found = find_template(text_, problem.at.line);
    if (!found) found = find_template(text_, explained.at.line);
    if (found) return error_at(file_, *found, kHelmTemplate);
    return error_at(file_, explained.at, explained.message);
  }

  std::string_view text_;
  std::string_view file_;
  Limits limits_;
  TreeBuilder builder_;
  yaml_parser_t parser_{};
  std::vector<Document> documents_;
  std::size_t documents_seen_ = 0;
};

}  // namespace

Result<std::vector<Document>> parse_yaml(std::string_view text, std::string_view file,
                                         const Limits& limits) {
  if (text.size() > limits.bytes) {
    return tl::unexpected(
        error_at(file, {}, fmt::format("{} bytes; at most {} are read", text.size(), limits.bytes),
                 ErrorCode::TooLarge));
  }
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  KERF_CHECK_OK(check_yaml_text(text, file));
  const std::optional<std::string> joined = join_surrogates(text);
  return Reader(joined ? *joined : text, file, limits).read();
}

}  // namespace kerf::codec
