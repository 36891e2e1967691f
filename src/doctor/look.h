// Looks at fields of objects whose shape nobody vouches for: what is not as expected is not there.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "codec/document.h"
#include "core/cluster/pod.h"

namespace kerf::doctor {

using Path = std::initializer_list<std::string_view>;

/// nullptr: there is no such field, or something on the way is no mapping.
const codec::Node* at(const codec::Node& root, Path path);
/// "" if it is not a string.
std::string text(const codec::Node& root, Path path);
/// The entries of a list; none if it is not one.
std::span<const codec::Node> list(const codec::Node& root, Path path);
/// A boolean, or the text "true": what annotations hold.
bool flag(const codec::Node& root, Path path);
/// false only if the field is there and false.
bool flag_unless_false(const codec::Node& root, Path path);
/// A whole number, or a quantity that is one ("8").
std::optional<std::int64_t> whole(const codec::Node* node);
/// Members that are strings; others are left out.
std::map<std::string, std::string> texts(const codec::Node& root, Path path);

/// Entries of a list of tolerations or taints.
std::vector<cluster::Toleration> tolerations(const codec::Node& root, Path path);
std::vector<cluster::Taint> taints(const codec::Node& root, Path path);
/// matchExpressions, requirements of a NodePool: entries of key, operator, values. Those with an
/// operator that is not one of cluster::Operator are left out.
cluster::Requirements requirements(const codec::Node& root, Path path);
/// A label selector {matchLabels, matchExpressions}.
cluster::Requirements selector(const codec::Node& root, Path path);
bool all_match(const cluster::Requirements& requirements,
               const std::map<std::string, std::string>& labels);

/// The entry of status.conditions of that type; nullptr: there is none.
const codec::Node* condition(const codec::Node& object, std::string_view type);
/// "True", "False", "Unknown"; "" = there is none of that type.
std::string condition_status(const codec::Node& object, std::string_view type);

/// Major and minor of "v1.32.4-eks-99d6cc0", "1.36+", "1.14.1".
struct Version {
  int major = 0;
  int minor = 0;
  auto operator<=>(const Version&) const = default;
};
std::optional<Version> version(std::string_view text);
/// The tag of an image: "1.14.1" of "public.ecr.aws/karpenter/controller:1.14.1@sha256:...".
std::string_view tag_of(std::string_view image);

}  // namespace kerf::doctor
