// read_demand: manifests or a trace, from where the arguments say, as a Demand.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "cli/plan_arguments.h"
#include "codec/document.h"
#include "core/cluster/demand.h"
#include "core/gpu/model.h"

namespace kerf::cli {

/// The documents of a text: JSON by its own, faster reader, else YAML. `file` for messages.
Result<std::vector<codec::Document>> parse_documents(std::string_view text, const std::string& file,
                                                     const codec::Limits& limits = {});

/// True if one of them is what kerf plan -o json writes.
bool is_plan_document(const std::vector<codec::Document>& documents);

/// Without paths and trace standard input is read. `tell` gets what is being done, for progress.
/// Bounds: codec::Limits for each file, four times its bytes for all together.
Result<cluster::Demand> read_demand(const PlanArguments& arguments, const gpu::Catalogue& gpus,
                                    const std::function<void(std::string_view)>& tell);

}  // namespace kerf::cli
