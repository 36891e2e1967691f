// The data that ships in the program: GPU models, profiles, EC2 instance types and prices.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/gpu/model.h"
#include "core/market/market.h"

namespace kerf::codec {

/// Reads data/gpu_models.csv and data/gpu_profiles.csv (formats: data/README.md).
Result<gpu::Catalogue> parse_catalogue(std::string models_csv, std::string profiles_csv);
/// The shipped catalogue. A shipped file that does not parse is a bug and asserts.
const gpu::Catalogue& builtin_catalogue();

/// Reads data/ec2_types.csv.
Result<std::vector<market::InstanceType>> parse_instance_types(std::string csv,
                                                               const gpu::Catalogue& gpus);

/// The shipped market: all types, with the on-demand prices of data/ec2_prices.csv for `region`.
/// NotFound for a region without shipped prices; the message names --prices and
/// --price-region us-east-1.
Result<market::Market> builtin_market(std::string_view region);
/// Regions that have shipped prices, sorted.
std::vector<std::string> builtin_regions();

}  // namespace kerf::codec
