// Rules of the API server for one object: what admission refuses, what belongs to which part.
#pragma once

#include <string>

#include "base/hash.h"
#include "sim/api_server.h"

namespace kerf::sim {

/// `after` with what is not of that part taken back to `before`.
Object only_part(const Object& before, Object after, Part part);
/// What admission adds to a new object: a pod with a GPU request tolerates Kerf's taint, as the
/// MutatingAdmissionPolicy that Kerf ships sees to; a pod's shape has its labels and namespace.
void admit(Object& object);
/// What the server does by itself when an object changes: versions of the spec, cleared fields.
void settle(const Object& before, Object& after);
/// A sentence: nobody may make this change. "": it is allowed.
std::string inadmissible(const Object& before, const Object& after);
/// A sentence: this client may not ask for that. "": it may, as far as its identity goes.
std::string forbidden(const Request& request);
/// Nothing differs but perhaps the version.
bool alike(const Object& a, const Object& b);
/// What tells two states of an object apart, as far as the simulated world goes on from it.
void add_to(Hasher& hasher, const Object& object);

}  // namespace kerf::sim
