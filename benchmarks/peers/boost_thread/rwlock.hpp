// SPDX-License-Identifier: MIT
// Boost.Thread's shared_mutex.
#pragma once

#include <boost/thread/shared_mutex.hpp>

#include "contend_peers/versions.hpp"
#include "primitives/rwlock/rwlock.hpp"

namespace contend::peers {

/// boost::shared_mutex: a mutex around a state and three condition variables. No nested reads.
class boost_shared_mutex : public ::boost::shared_mutex, public shared_sections<boost_shared_mutex> {
 public:
  static constexpr contend::facts facts{
      .name = "boost_shared_mutex",
      .summary = "Boost.Thread's shared_mutex: counts under a mutex, condition variables to wait on",
      .admits = admission::barging,
      .waits = waiting::park,
      .step = rung::shared_mutex,
      .source = "Boost.Thread " CONTEND_BOOST_THREAD_VERSION "; Terekhov's algorithm 8a",
      .origin = "Boost"};
};

namespace of_boost_thread {
using rwlocks = type_list<boost_shared_mutex>;
}

}  // namespace contend::peers
