// SPDX-License-Identifier: MIT
// A catalogue list as GoogleTest types, named by their facts: a new primitive is tested with no further edit.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "primitives/facts.hpp"

/// GoogleTest's typed suites may be empty here (its own Types<> has no end of the list): they register nothing.
template <>
struct testing::internal::ProxyTypeList<> {
  using type = None;
};

namespace contend::testing {

namespace detail {
template <class List>
struct as_types;
template <class... T>
struct as_types<type_list<T...>> {
  using type = ::testing::Types<T...>;
};
}  // namespace detail

/// ::testing::Types of a type_list: `using under_test = testing::types_of<locks>;`
template <class List>
using types_of = typename detail::as_types<List>::type;

/// Third argument of TYPED_TEST_SUITE: cases are called after facts.name.
struct name_by_facts {
  template <class T>
  static std::string GetName(int) {
    return std::string(T::facts.name);
  }
};

}  // namespace contend::testing
