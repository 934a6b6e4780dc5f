// SPDX-License-Identifier: MIT
// How a class template stands in a catalogue list: the list holds types, so the template travels inside one.
#pragma once

#include <cstdint>

#include "facts.hpp"

namespace contend {

/// Catalogue entry for a primitive that is a template over its payload: generic<seqlock>::of<T> is seqlock<T>.
template <template <class> class P>
struct generic {
  template <class T>
  using of = P<T>;
  static constexpr contend::facts facts = P<std::uint64_t>::facts;
};

template <class E>
concept is_generic = described<E> && requires {
  typename E::template of<std::uint64_t>;
};

}  // namespace contend
