// SPDX-License-Identifier: MIT
// Catalogue entry for a container that does not take every payload that our contract asks for.
#pragma once

#include "primitives/generic.hpp"

namespace contend::peers {

/// As generic<P>; P<T> exists only where Takes<T>::value.
template <template <class> class P, template <class> class Takes>
struct limited : generic<P> {
  template <class T>
  static constexpr bool takes = Takes<T>::value;
};

}  // namespace contend::peers
