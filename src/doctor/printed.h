// A diagnosis as the text that people read in a terminal, and as JSON for programs.
#pragma once

#include <string>

#include "codec/document.h"
#include "doctor/doctor.h"

namespace kerf::doctor {

struct TextOptions {
  bool colour = false;
  bool unicode = true;
  bool all = false;  ///< every object that a finding is about, instead of the first few
};

/// At most 100 columns. What was looked at; findings, the worst first, each with what to do; what
/// is well; how many of each.
std::string text(const Diagnosis& diagnosis, const TextOptions& options);

/// Top-level "apiVersion": "kerf.dev/doctor/v1alpha1"; docs/reference/doctor.schema.json.
codec::Node json(const Diagnosis& diagnosis);

}  // namespace kerf::doctor
