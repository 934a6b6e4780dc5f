// SPDX-License-Identifier: MIT
// The contract of the lock family: what a mutual-exclusion lock is, and the guard that holds one.
#pragma once

#include <concepts>
#include <cstdint>
#include <type_traits>

#include "../facts.hpp"

namespace contend {

/// A lock without a node. All operations may overlap from any thread; unlock() only by the holder.
/// lock(): blocks until held. try_lock(): true when now held; may fail spuriously only where facts say so.
/// Memory effect: unlock() synchronises with the next lock() or successful try_lock().
template <class L>
concept plain_lock = requires(L& l) {
  l.lock();
  { l.try_lock() } -> std::same_as<bool>;
  l.unlock();
};

/// A queue lock: each acquisition lends a node, which must stay alive and untouched until its unlock returned.
/// One node serves one acquisition at a time; it may be reused with the same lock afterwards.
template <class L>
concept node_lock = requires(L& l, typename L::node& n) {
  l.lock(n);
  { l.try_lock(n) } -> std::same_as<bool>;
  l.unlock(n);
};

/// A lock that protects one of many keys at a time; keys may share a lock, so never hold two by two lock() calls
/// (use lock_keys). The lock hashes: any 64-bit key will do.
template <class L>
concept keyed_lock = requires(L& l, std::uint64_t key) {
  l.lock(key);
  { l.try_lock(key) } -> std::same_as<bool>;
  l.unlock(key);
};

/// Member of the lock family. Locks are neither copied nor moved.
template <class L>
concept any_lock = described<L> &&(plain_lock<L> || node_lock<L> || keyed_lock<L>)&&!std::copy_constructible<L> &&
                   std::default_initializable<L>;

/// A member that excludes nobody (`no_lock`): workloads give every thread data of its own then.
template <class L>
inline constexpr bool excludes = L::facts.step != rung::no_sharing;

namespace detail {
struct no_node {};
template <class L>
struct node_of {
  using type = no_node;
};
template <node_lock L>
struct node_of<L> {
  using type = typename L::node;
};
}  // namespace detail

/// The node of a queue lock; an empty struct for a plain lock.
template <class L>
using node_t = typename detail::node_of<L>::type;

/// lock(), whatever the kind of lock.
template <class L>
requires plain_lock<L> || node_lock<L>
void acquire(L& lock, node_t<L>& node) {
  if constexpr (node_lock<L>)
    lock.lock(node);
  else
    lock.lock();
}

/// unlock(), whatever the kind of lock.
template <class L>
requires plain_lock<L> || node_lock<L>
void release(L& lock, node_t<L>& node) {
  if constexpr (node_lock<L>)
    lock.unlock(node);
  else
    lock.unlock();
}

/// try_lock(), whatever the kind of lock.
template <class L>
requires plain_lock<L> || node_lock<L>
[[nodiscard]] bool try_acquire(L& lock, node_t<L>& node) {
  if constexpr (node_lock<L>)
    return lock.try_lock(node);
  else
    return lock.try_lock();
}

/// Holds a lock from construction to destruction, with the caller's node (one per thread is cheapest where a node
/// owns memory, as with CLH).
template <class L>
class [[nodiscard]] node_guard {
 public:
  node_guard(L& lock, node_t<L>& node) : lock_(lock), node_(node) { acquire(lock_, node_); }
  ~node_guard() { release(lock_, node_); }
  node_guard(const node_guard&) = delete;
  node_guard& operator=(const node_guard&) = delete;

 private:
  L& lock_;
  node_t<L>& node_;
};

/// Holds a lock from construction to destruction and brings the node that a queue lock needs.
template <class L>
class [[nodiscard]] guard {
 public:
  explicit guard(L& lock) : lock_(lock) { acquire(lock_, node_); }
  ~guard() { release(lock_, node_); }
  guard(const guard&) = delete;
  guard& operator=(const guard&) = delete;

 private:
  L& lock_;
  [[no_unique_address]] node_t<L> node_{};
};

}  // namespace contend
