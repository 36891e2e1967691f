// Words that a PodShape is written with, in the order of their enumerations.
#pragma once

#include <array>
#include <string_view>

namespace kerf::codec {

inline constexpr std::array<std::string_view, 5> kRequestKinds = {
    "Whole", "Slice", "Portable", "ShareOfMemory", "ShareOfCompute"};
inline constexpr std::array<std::string_view, 3> kIsolations = {"Isolated", "Enforced", "Shared"};
inline constexpr std::array<std::string_view, 6> kOperators = {"In",           "NotIn", "Exists",
                                                               "DoesNotExist", "Gt",    "Lt"};

}  // namespace kerf::codec
