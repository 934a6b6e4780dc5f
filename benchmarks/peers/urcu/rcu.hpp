// SPDX-License-Identifier: MIT
// liburcu's memb and qsbr flavours as published values.
#pragma once

#include "benchmarks/peers/urcu/published.hpp"

namespace contend::peers {

namespace detail {
/// Readers store to their own line; membarrier on the updater's side spares them the fence.
struct memb_flavour {
  static void register_thread() { urcu_memb_register_thread(); }
  static void unregister_thread() { urcu_memb_unregister_thread(); }
  static void read_lock() { urcu_memb_read_lock(); }
  static void read_unlock() { urcu_memb_read_unlock(); }
  static void quiescent() {}
  static void offline() {}
  static void online() {}
  static void call(rcu_head* head, void (*f)(rcu_head*)) { urcu_memb_call_rcu(head, f); }
  static void start_reclaiming() { urcu_memb_get_default_call_rcu_data(); }
  static void barrier() { urcu_memb_barrier(); }
  static void synchronize() { urcu_memb_synchronize_rcu(); }
};

/// Readers store nothing and say now and then that they hold nothing.
struct qsbr_flavour {
  static void register_thread() { urcu_qsbr_register_thread(); }
  static void unregister_thread() { urcu_qsbr_unregister_thread(); }
  static void read_lock() { urcu_qsbr_read_lock(); }
  static void read_unlock() { urcu_qsbr_read_unlock(); }
  static void quiescent() { urcu_qsbr_quiescent_state(); }
  static void offline() { urcu_qsbr_thread_offline(); }
  static void online() { urcu_qsbr_thread_online(); }
  static void call(rcu_head* head, void (*f)(rcu_head*)) { urcu_qsbr_call_rcu(head, f); }
  static void start_reclaiming() { urcu_qsbr_get_default_call_rcu_data(); }
  static void barrier() { urcu_qsbr_barrier(); }
  static void synchronize() { urcu_qsbr_synchronize_rcu(); }
};
}  // namespace detail

/// liburcu's memb flavour, versions freed by call_rcu()'s thread. The backlog has no limit.
template <class T>
class urcu_memb : public detail::urcu_published<T, detail::memb_flavour> {
 public:
  static constexpr contend::facts facts{
      .name = "urcu_memb",
      .summary = "liburcu, memb flavour: readers mark themselves, call_rcu frees; no limit to the backlog",
      .waits = waiting::none,
      .guarantees = progress::wait_free,
      .step = rung::lock_free,
      .source = "liburcu " CONTEND_URCU_VERSION "; Desnoyers et al. 2012",
      .origin = "liburcu",
      .unseen = "inline assembly and a compiled library, whose accesses the simulation does not see"};
  using detail::urcu_published<T, detail::memb_flavour>::urcu_published;
};

/// liburcu's QSBR flavour, versions freed by call_rcu()'s thread. The backlog has no limit.
template <class T>
class urcu_qsbr : public detail::urcu_published<T, detail::qsbr_flavour> {
 public:
  static constexpr contend::facts facts{
      .name = "urcu_qsbr",
      .summary = "liburcu, QSBR flavour: reading is one load, call_rcu frees; no limit to the backlog",
      .waits = waiting::none,
      .guarantees = progress::wait_free,
      .step = rung::lock_free,
      .source = "liburcu " CONTEND_URCU_VERSION "; Desnoyers et al. 2012",
      .origin = "liburcu",
      .unseen = "inline assembly and a compiled library, whose accesses the simulation does not see"};
  using detail::urcu_published<T, detail::qsbr_flavour>::urcu_published;
};

namespace of_urcu {
using rcus = type_list<generic<urcu_memb>, generic<urcu_qsbr>>;
}

}  // namespace contend::peers
