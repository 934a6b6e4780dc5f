// SPDX-License-Identifier: MIT
// Somebody else's primitive beside the catalogue's: what the program made by contend_add_bench() is compiled from.
#pragma once

#include <concepts>
#include <string_view>

#include "matrix.hpp"
#include "primitives/counter/counter.hpp"
#include "primitives/lock/lock.hpp"
#include "primitives/queue/queue.hpp"
#include "primitives/rcu/rcu.hpp"
#include "primitives/rwlock/rwlock.hpp"
#include "workloads/counting.hpp"
#include "workloads/critical_section.hpp"
#include "workloads/keyed_counters.hpp"
#include "workloads/lock_placement.hpp"
#include "workloads/producer_consumer.hpp"
#include "workloads/published_config.hpp"
#include "workloads/read_mostly_map.hpp"

namespace contend::bench {

/// A primitive without facts of its own, under the name of its header, Name::text. (A type, not a literal: compilers
/// and demanglers spell literals differently, and then the simulation cannot name the primitive's fields.)
template <class T, class Name>
class named : public T {
 public:
  using T::T;
  static constexpr contend::facts facts{.name = Name::text,
                                        .summary = "a primitive from outside the catalogue; it states no facts"};
};

/// Adds T to the workloads of the family whose contract it fulfils.
template <class T>
void add_by_contract(matrix& all) {
  constexpr bool is_lock = plain_lock<T> || node_lock<T> || keyed_lock<T>;
  if constexpr (is_lock) {
    all.add<critical_section>(type_list<T>{});
    all.add<lock_placement>(type_list<T>{});
    all.add<keyed_counters>(type_list<T>{});
  } else if constexpr (plain_rwlock<T>) {
    all.add<read_mostly_map>(type_list<T>{});
  } else if constexpr (counter<T>) {
    all.add<increment>(type_list<T>{});
    all.add<increment_and_sum>(type_list<T>{});
  } else if constexpr (is_generic<T>) {
    if constexpr (queue_of<typename T::template of<std::uint64_t>, std::uint64_t>)
      all.add<producer_consumer>(type_list<T>{});
    else if constexpr (published<typename T::template of<std::uint64_t>, std::uint64_t>)
      all.add<published_config>(type_list<T>{});
    else
      all.add<read_mostly_map>(type_list<T>{});
  } else {
    static_assert(is_lock,
                  "the type fulfils no family's contract: a lock needs lock(), try_lock() and unlock(); see "
                  "primitives/<family>/<family>.hpp for all of them");
  }
}

/// add_by_contract<T>, under T's own name if it has facts, else under Name::text.
template <class T, class Name>
void add_external(matrix& all) {
  if constexpr (described<T>)
    add_by_contract<T>(all);
  else
    add_by_contract<named<T, Name>>(all);
}

}  // namespace contend::bench
