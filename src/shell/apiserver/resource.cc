// Paths of the Kubernetes API, percent-encoded segment by segment.
#include "shell/apiserver/resource.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <iterator>

#include "base/quote.h"

namespace kerf::apiserver {
namespace {

constexpr std::size_t kSegmentBytesMax = 253;  // of a Kubernetes name

Result<void> append(std::string& path, std::string_view segment, std::string_view what) {
  const bool printable = std::none_of(segment.begin(), segment.end(), [](char c) {
    return c == '/' || static_cast<unsigned char>(c) < ' ' || c == '\x7f';
  });
  if (segment.empty() || segment == "." || segment == ".." || segment.size() > kSegmentBytesMax ||
      !printable) {
    return invalid(fmt::format("{} cannot be {} of an API object", quoted(segment), what));
  }
  path += '/';
  path += percent_encoded(segment);
  return {};
}

Result<std::string> prefix(const Resource& resource, const std::string& ns) {
  std::string path = resource.group.empty() ? "/api" : "/apis";
  if (!resource.group.empty()) KERF_CHECK_OK(append(path, resource.group, "the group"));
  KERF_CHECK_OK(append(path, resource.version, "the version"));
  if (!ns.empty()) {
    path += "/namespaces";
    KERF_CHECK_OK(append(path, ns, "the namespace"));
  }
  KERF_CHECK_OK(append(path, resource.plural, "the plural"));
  return path;
}

}  // namespace

Collection only(Resource resource, std::string ns, std::string name) {
  return {std::move(resource), std::move(ns), "metadata.name=" + name, {}};
}

Result<std::string> path_of(const Target& target) {
  KERF_TRY(std::string path, prefix(target.resource, target.ns));
  KERF_CHECK_OK(append(path, target.name, "the name"));
  if (!target.subresource.empty()) {
    KERF_CHECK_OK(append(path, target.subresource, "the subresource"));
  }
  return path;
}

Result<std::string> path_of(const Collection& collection) {
  return prefix(collection.resource, collection.ns);
}

std::string query_text(const Query& query) {
  std::string out;
  for (const auto& [key, value] : query) {
    out += out.empty() ? '?' : '&';
    out += percent_encoded(key);
    out += '=';
    out += percent_encoded(value);
  }
  return out;
}

Query selectors(const Collection& collection) {
  Query query;
  if (!collection.field_selector.empty()) {
    query.emplace_back("fieldSelector", collection.field_selector);
  }
  if (!collection.label_selector.empty()) {
    query.emplace_back("labelSelector", collection.label_selector);
  }
  return query;
}

std::string percent_encoded(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto u = static_cast<unsigned char>(c);
    const bool plain = u < 0x80 && std::isalnum(u) != 0;
    if (plain || c == '-' || c == '.' || c == '_' || c == '~') {
      out += c;
    } else {
      fmt::format_to(std::back_inserter(out), "%{:02X}", u);
    }
  }
  return out;
}

}  // namespace kerf::apiserver
