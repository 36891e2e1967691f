// Completion scripts for bash, zsh and fish, made from the tables of commands.h.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace kerf::cli {

/// Names that the program's data knows.
struct CompletionWords {
  std::vector<std::string> instance_types;
  std::vector<std::string> gpu_models;
  std::vector<std::string> regions;
};

std::string bash_completion(const CompletionWords& words);
std::string zsh_completion(const CompletionWords& words);
std::string fish_completion(const CompletionWords& words);

}  // namespace kerf::cli
