// find_manifests: the files that the paths on the command line mean.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace kerf::cli {

/// A file is itself, whatever its name. A folder is its *.yaml, *.yml and *.json and those of its
/// subfolders, by name; hidden files and folders are passed over, links are followed, and no folder
/// or file is taken twice. "-" is standard input and stays. Order: that of `paths`.
///
/// Errors: a path that is not there or cannot be read; a folder without manifests; a folder that
/// has to be rendered before it means anything (Helm chart, kustomization), with the command to do
/// so; more than 100,000 files or folders 64 deep.
Result<std::vector<std::string>> find_manifests(const std::vector<std::string>& paths);

}  // namespace kerf::cli
