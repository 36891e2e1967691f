// Fields of foreign objects, by type.
#include "codec/lenient_fields.h"

#include <fmt/format.h>

#include <utility>

namespace kerf::codec {
namespace {

Result<std::string> text_of(const Field& field, std::size_t bytes_max) {
  if (field.node().kind != Node::Kind::String) return field.expected("a string");
  if (field.node().text.size() > bytes_max) {
    return field.wrong(
        fmt::format("{} bytes; at most {} are read", field.node().text.size(), bytes_max));
  }
  return field.node().text;
}

std::string path_of(const Field& mapping, std::string_view key) {
  std::string path;
  path.reserve(mapping.path().size() + 1 + key.size());
  path += mapping.path();
  if (!path.empty()) path += '.';
  return path += key;
}

/// The member as it is; nullptr: it is not given. What is right needs no path.
const Node* member(const std::optional<Field>& mapping, std::string_view key) {
  return mapping ? mapping->node().find(key) : nullptr;
}

}  // namespace

Result<std::optional<Field>> given(const std::optional<Field>& mapping, std::string_view key) {
  if (!mapping) return std::optional<Field>();
  if (mapping->node().kind != Node::Kind::Mapping) return mapping->expected("a mapping");
  const Node* node = mapping->node().find(key);
  if (node == nullptr || node->is_null()) return std::optional<Field>();
  return std::optional<Field>(Field(mapping->file(), *node, path_of(*mapping, key)));
}

Result<std::optional<Field>> given_mapping(const std::optional<Field>& mapping,
                                           std::string_view key) {
  KERF_TRY(std::optional<Field> field, given(mapping, key));
  if (field && field->node().kind != Node::Kind::Mapping) return field->expected("a mapping");
  return field;
}

Result<std::string> given_text(const std::optional<Field>& mapping, std::string_view key,
                               std::size_t bytes_max) {
  const Node* const node = member(mapping, key);
  if (node != nullptr && node->kind == Node::Kind::String && node->text.size() <= bytes_max)
    return node->text;
  KERF_TRY(const std::optional<Field> field, given(mapping, key));
  return field ? text_of(*field, bytes_max) : std::string();
}

Result<bool> given_flag(const std::optional<Field>& mapping, std::string_view key) {
  KERF_TRY(const std::optional<Field> field, given(mapping, key));
  if (!field) return false;
  if (field->node().kind != Node::Kind::Bool) return field->expected("true or false");
  return field->node().boolean;
}

Result<std::optional<std::int64_t>> given_integer(const std::optional<Field>& mapping,
                                                  std::string_view key, std::int64_t least,
                                                  std::int64_t most) {
  KERF_TRY(const std::optional<Field> field, given(mapping, key));
  if (!field) return std::optional<std::int64_t>();
  KERF_TRY(const std::int64_t value, field->integer(least, most));
  return std::optional<std::int64_t>(value);
}

Result<std::vector<Field>> given_list(const std::optional<Field>& mapping, std::string_view key,
                                      std::size_t most) {
  KERF_TRY(const std::optional<Field> field, given(mapping, key));
  if (!field) return std::vector<Field>();
  const bool is_list = field->node().kind == Node::Kind::Sequence;
  if (is_list && field->node().items.empty()) return std::vector<Field>();
  return field->items(most);
}

Result<std::vector<std::string>> given_texts(const std::optional<Field>& mapping,
                                             std::string_view key, std::size_t most,
                                             std::size_t bytes_max) {
  KERF_TRY(const std::vector<Field> entries, given_list(mapping, key, most));
  std::vector<std::string> texts;
  for (const Field& entry : entries) {
    KERF_TRY(std::string text, text_of(entry, bytes_max));
    texts.push_back(std::move(text));
  }
  return texts;
}

Result<std::map<std::string, std::string>> given_labels(const std::optional<Field>& mapping,
                                                        std::string_view key, std::size_t most,
                                                        std::size_t bytes_max) {
  KERF_TRY(const std::optional<Field> field, given(mapping, key));
  std::map<std::string, std::string> labels;
  if (!field) return labels;
  if (field->node().kind != Node::Kind::Mapping) return field->expected("a mapping");
  if (field->node().members.size() > most) {
    return field->wrong(
        Error(ErrorCode::TooLarge,
              fmt::format("{} entries; at most {} are read", field->node().members.size(), most)));
  }
  for (const auto& [name, value] : field->node().members) {
    std::string text;
    if (!value.is_null()) {
      KERF_TRY(text,
               text_of(Field(field->file(), value, fmt::format("{}[{}]", field->path(), name)),
                       bytes_max));
    }
    labels.emplace(name, std::move(text));
  }
  return labels;
}

}  // namespace kerf::codec
