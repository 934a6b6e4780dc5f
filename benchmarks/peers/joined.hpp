// SPDX-License-Identifier: MIT
// One list out of those that several packages bring.
#pragma once

#include "primitives/facts.hpp"

namespace contend::peers {

namespace detail {
template <class... Lists>
struct joining {
  using type = type_list<>;
};
template <class... T>
struct joining<type_list<T...>> {
  using type = type_list<T...>;
};
template <class... A, class... B, class... Rest>
struct joining<type_list<A...>, type_list<B...>, Rest...> : joining<type_list<A..., B...>, Rest...> {};
}  // namespace detail

/// The types of all the lists, in their order.
template <class... Lists>
using joined = typename detail::joining<Lists...>::type;

}  // namespace contend::peers
