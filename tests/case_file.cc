// Reading of planner cases, line by line.
#include "case_file.h"

#include <fstream>

#include "base/quantity.h"
#include "case_words.h"

namespace kerf::tests {
namespace {

void read_policy_line(const std::string& line, CaseFile& file) {
  if (read_policy(line, file.market.gpus, file.policy)) return;
  const Words words = split(line, " ");
  if (words[0] != "daemonsets" || words.size() != 3)
    expected("a line about the policy (README.md lists them)", line);
  file.demand.overhead.daemonsets = {must(to_milli_ceil(must(parse_quantity(words[1])))),
                                     must(to_mib_ceil(must(parse_quantity(words[2])))), 0, 0};
}

void read_line(const std::string& section, const std::string& line,
               std::map<std::string, int>& named, CaseFile& file) {
  if (line.empty()) return;  // a section begins
  if (section == "demand") add_pods(line, file.market.gpus, named, file.demand);
  else if (section == "market") read_market(line, file.market);
  else if (section == "policy") read_policy_line(line, file);
  else if (section == "fleet") file.fleet.push_back(line);
  else if (section == "unplaced") file.unplaced.push_back(line);
  else if (line.starts_with("cost ")) file.cost = line.substr(5);
  else expected("a section or cost", line);
}

}  // namespace

CaseFile read_case(std::istream& in, const std::string& name) {
  CaseFile file;
  file.market = empty_market();
  std::map<std::string, int> named;
  each_line(in, name, {"demand", "market", "policy", "fleet", "unplaced"},
            [&](const std::string& section, const std::string& line) {
              read_line(section, line, named, file);
            });
  sort_offerings(file.market);
  return file;
}

CaseFile read_case(const std::string& path) {
  std::ifstream in(path);
  if (!in) throw std::runtime_error(path + " cannot be read");
  return read_case(in, path);
}

}  // namespace kerf::tests
