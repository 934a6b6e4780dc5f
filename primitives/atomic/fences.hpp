// SPDX-License-Identifier: MIT
// Fences that stand between a store and a load, from none at all to the asymmetric one.
#pragma once

#include <atomic>

#include "../platform.hpp"
#include "atomic.hpp"

namespace contend {

/// No fence: processor and compiler may let the load overtake the store. Wait-free.
struct no_fence {
  static constexpr contend::facts facts{.name = "no_fence",
                                        .summary = "nothing between the store and the load",
                                        .guarantees = progress::wait_free,
                                        .step = rung::atomic,
                                        .baseline = true};
  static constexpr bool orders_store_load = false;
  static bool available() noexcept { return true; }
  static void light() noexcept {}
  static void heavy() noexcept {}
};

/// std::atomic_thread_fence at an order. acq_rel keeps every pair in order but a store before a load (on x86 it costs
/// nothing); seq_cst orders that too: litmus SB fails with less. Wait-free.
template <std::memory_order Order>
struct thread_fence {
  static_assert(Order == std::memory_order_acq_rel || Order == std::memory_order_seq_cst);
  static constexpr contend::facts facts{.name = Order == std::memory_order_seq_cst ? "fence_seq_cst" : "fence_acq_rel",
                                        .summary = Order == std::memory_order_seq_cst
                                                       ? "std::atomic_thread_fence(seq_cst)"
                                                       : "std::atomic_thread_fence(acq_rel): orders all but store-load",
                                        .guarantees = progress::wait_free,
                                        .step = rung::atomic,
                                        .source = "C++11 [atomics.fences]"};
  static constexpr bool orders_store_load = Order == std::memory_order_seq_cst;
  static bool available() noexcept { return true; }
  static void light() noexcept { std::atomic_thread_fence(Order); }
  static void heavy() noexcept { std::atomic_thread_fence(Order); }
};

using fence_acq_rel = thread_fence<std::memory_order_acq_rel>;
using fence_seq_cst = thread_fence<std::memory_order_seq_cst>;

/// A fence for two sides of unequal frequency: light() orders only the compiler, heavy() makes the kernel run a full
/// fence on every processor that runs a thread of this process (an interrupt each: microseconds). A light side and a
/// heavy side order a store before a load as two seq_cst fences would; two light sides do not.
/// Light: wait-free. Heavy: a system call. Source: Linux membarrier(2), 4.14; Desnoyers et al. 2012.
struct asymmetric_fence {
  static constexpr contend::facts facts{.name = "asymmetric",
                                        .summary = "compiler fence on the frequent side, membarrier on the rare one",
                                        .guarantees = progress::wait_free,
                                        .step = rung::lock_free,
                                        .source = "Linux membarrier(2); Desnoyers et al. 2012"};
  static constexpr bool orders_store_load = true;
  static bool available() noexcept { return platform::has_heavy_fence(); }
  static void light() noexcept { platform::light_fence(); }
  static void heavy() noexcept { platform::heavy_fence(); }
};

}  // namespace contend
