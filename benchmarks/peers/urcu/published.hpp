// SPDX-License-Identifier: MIT
// A published value over a flavour of liburcu: a pointer that updaters swing and call_rcu() that frees.
#pragma once

#define _LGPL_SOURCE  // readers are inlined, as liburcu means it for programs with a licence compatible with the LGPL
#include <urcu/urcu-memb.h>
#include <urcu/urcu-qsbr.h>

extern "C" {  // urcu/call-rcu.h declares these for the first flavour that a file includes
void urcu_qsbr_call_rcu(rcu_head* head, void (*func)(rcu_head* head));
call_rcu_data* urcu_qsbr_get_default_call_rcu_data(void);
void urcu_qsbr_barrier(void);
}

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "contend_peers/versions.hpp"
#include "primitives/platform.hpp"
#include "primitives/rcu/detail/reader_state.hpp"
#include "primitives/rcu/rcu.hpp"

namespace contend::peers::detail {

/// liburcu knows threads, our contract readers, of which a thread may have several: the thread is registered while it
/// has one and online while one of them is. A reader stays in the thread that made it.
template <class Flavour>
class urcu_thread {
 public:
  static void enter() {
    if (readers++ == 0) {
      Flavour::register_thread();  // and is online
      online = 1;
    } else if (online++ == 0) {
      Flavour::online();
    }
  }
  static void leave(bool was_online) {
    if (was_online) --online;
    if (--readers == 0)
      Flavour::unregister_thread();
    else if (was_online && online == 0)
      Flavour::offline();
  }
  static void go_offline() {
    if (--online == 0) Flavour::offline();
  }
  static void go_online() {
    if (online++ == 0) Flavour::online();
  }

 private:
  static inline thread_local unsigned readers = 0;
  static inline thread_local unsigned online = 0;
};

/// A value of T; see the contract in primitives/rcu/rcu.hpp. A nested read() sees the outer version or a newer one.
template <class T, class Flavour>
class urcu_published {
  using registration = urcu_thread<Flavour>;

 public:
  class reader : public contend::detail::reader_state<T> {
   public:
    reader(reader&& other) noexcept
        : contend::detail::reader_state<T>(std::move(other)),
          registered_(std::exchange(other.registered_, false)),
          online_(other.online_) {}
    reader& operator=(reader&&) = delete;
    ~reader() {
      if (registered_) registration::leave(online_);
    }
    void offline() noexcept {
      if (std::exchange(online_, false)) registration::go_offline();
    }
    void online() noexcept {
      if (!std::exchange(online_, true)) registration::go_online();
    }

   private:
    friend urcu_published;
    reader() { registration::enter(); }
    bool registered_ = true;
    bool online_ = true;
  };

  explicit urcu_published(const T& initial) : current_(new version(initial, *this)) { Flavour::start_reclaiming(); }
  urcu_published(const urcu_published&) = delete;
  urcu_published& operator=(const urcu_published&) = delete;
  ~urcu_published() {
    Flavour::barrier();  // what was retired is freed before the counter of it goes
    delete current_;
  }

  [[nodiscard]] reader register_thread() { return reader(); }

  template <class F>
  auto read(reader&, F&& f) {
    const section inside;
    return f(std::as_const(rcu_dereference(current_)->value));
  }

  template <class F>
  requires std::same_as < std::invoke_result_t<F&, T&>,
  void > void update(reader& by, F&& f) {
    if (by.draft() != nullptr) return f(*by.draft());  // an update inside an update's callback joins it
    for (;;) {
      std::unique_ptr<version> next = draft();
      {
        const typename reader::drafting remembered(by, next->value);
        f(next->value);
      }
      version* const old = replace(*next);
      if (old == nullptr) continue;
      (void)next.release();  // readers have it
      backlog_.fetch_add(1, std::memory_order_relaxed);
      Flavour::call(&old->head, [](rcu_head* head) {
        auto* const gone = reinterpret_cast<version*>(head);
        urcu_published& owner = gone->owner;
        delete gone;
        owner.backlog_.fetch_sub(1, std::memory_order_relaxed);
      });
      return;
    }
  }

  void quiescent(reader&) noexcept { Flavour::quiescent(); }
  /// Also waits for what others retired meanwhile, in this value and in others: liburcu has one queue for all.
  void synchronize(reader&) noexcept { Flavour::barrier(); }
  [[nodiscard]] std::size_t backlog() const noexcept { return backlog_.load(std::memory_order_relaxed); }

 private:
  struct version {
    version(const T& from, urcu_published& mine) : owner(mine), value(from) {}
    rcu_head head{};  // first: call_rcu gives it back
    urcu_published& owner;
    std::uint64_t number = 0;  // an address can come back, a number does not
    T value;
  };
  struct section {
    section() { Flavour::read_lock(); }
    ~section() { Flavour::read_unlock(); }
    section(const section&) = delete;
    section& operator=(const section&) = delete;
  };

  std::unique_ptr<version> draft() {
    const section inside;
    const version* const newest = rcu_dereference(current_);
    auto copy = std::make_unique<version>(newest->value, *this);
    copy->number = newest->number + 1;
    return copy;
  }
  version* replace(version& next) noexcept {
    const section inside;  // so that `seen` is not freed and made anew meanwhile
    version* const seen = rcu_dereference(current_);
    if (seen->number + 1 != next.number) return nullptr;
    return rcu_cmpxchg_pointer(&current_, seen, &next) == seen ? seen : nullptr;
  }

  std::atomic<std::size_t> backlog_{0};
  alignas(platform::cache_line) version* current_;
};

}  // namespace contend::peers::detail
