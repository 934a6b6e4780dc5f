// SPDX-License-Identifier: MIT
// The part of a catalogue list that a test is about, told by a property of the types, not by a second list.
#pragma once

#include <type_traits>

#include "primitives/facts.hpp"

namespace contend::testing {

namespace detail {
template <class A, class B>
struct joined;
template <class... A, class... B>
struct joined<type_list<A...>, type_list<B...>> {
  using type = type_list<A..., B...>;
};
template <class Keep, class List>
struct filtered {
  using type = List;
};
template <class Keep, class First, class... Rest>
struct filtered<Keep, type_list<First, Rest...>> {
  using first = std::conditional_t<Keep::template keeps<First>, type_list<First>, type_list<>>;
  using type = typename joined<first, typename filtered<Keep, type_list<Rest...>>::type>::type;
};
}  // namespace detail

/// The types T of a list for which Keep::keeps<T>, in the list's order.
template <class Keep, class List>
using filtered = typename detail::filtered<Keep, List>::type;

}  // namespace contend::testing
