// Overloaded: a function of a variant, case by case, for std::visit.
#pragma once

namespace kerf::fakedriver {

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};
template <class... F>
Overloaded(F...) -> Overloaded<F...>;

}  // namespace kerf::fakedriver
