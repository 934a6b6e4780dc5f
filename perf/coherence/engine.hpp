// SPDX-License-Identifier: MIT
// The one simulation of the process, as the hooks and the blocking calls see it.
#pragma once

#include <exception>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "fiber.hpp"
#include "model.hpp"
#include "ready_queue.hpp"
#include "schedule.hpp"
#include "simulation.hpp"
#include "store_buffer.hpp"
#include "weak.hpp"

namespace contend::coherence {

/// A simulated thread.
struct sim_thread {
  static constexpr picoseconds never = ~picoseconds{0};
  unsigned core = 0;
  picoseconds clock = 0;
  picoseconds busy_until = 0;           ///< the last read-modify-write ends then; what need not wait goes on meanwhile
  picoseconds stores_taken = 0;         ///< when the last store that is under way takes effect
  picoseconds stores_deferred = 0;      ///< likewise of those whose value is not in memory before
  const void* last_deferred = nullptr;  ///< where to the last of those goes
  store_buffer stores;                  ///< when those under way are done; as many as the machine's buffer holds
  const void* parked_on = nullptr;
  std::uint32_t parked_bits = 0;   ///< a waker must have one of them
  std::uint64_t parked_since = 0;  ///< who sleeps longest is woken first
  bool timed_out = false;
  bool over = false;
  picoseconds passed_until = never;   ///< when the last pause or work of its own ended, if nothing has come since
  unsigned passed = 0;                ///< how often time had passed so before, with nothing else in between
  const void* last_access = nullptr;  ///< return address of the last hook
  std::unique_ptr<fiber_memory> memory;
  std::exception_ptr thrown;
};

class engine {
 public:
  engine(const machine& m, unsigned threads, const schedule_options& options);

  /// One access to memory that the calling hook is about to make. Returns when it is the thread's turn to make it.
  [[gnu::always_inline]] void access(std::uint64_t address, unsigned size, access_kind kind) {
    if (!begin_access(address, size, kind)) turn(address, size, kind);
  }
  /// The first half of it; true if nothing is left to do, otherwise turn() is the second half.
  [[gnu::always_inline]] bool begin_access(std::uint64_t address, unsigned size, access_kind kind) {
    ++model.deeds().accesses;
    if (kind == access_kind::rmw) finish();
    return hit_again(address, size, kind);
  }
  void turn(std::uint64_t address, unsigned size, access_kind kind);
  /// The time that a hit takes. What follows a read-modify-write goes on before that ends, unless it waits for it.
  void spend(sim_thread& me, access_kind kind) noexcept {
    if (kind == access_kind::rmw) {
      overlapped(me, m.rmw);
    } else {
      me.clock += kind == access_kind::load ? m.load : m.store;
    }
  }
  /// As long as a read-modify-write or a fence takes, and hits go on beside it.
  void overlapped(sim_thread& me, picoseconds time) noexcept {
    me.busy_until = me.clock + time;
    me.clock = me.busy_until - std::min(time, overlap_);
    me.passed_until = sim_thread::never;
  }
  /// The time that something takes beside which nothing goes on.
  static void spend_alone(sim_thread& me, picoseconds time) noexcept {
    me.clock += time;
    me.busy_until += time;  // which is over, or waits as well
  }
  /// Waits for the last read-modify-write.
  void finish() noexcept { running->clock = std::max(running->clock, running->busy_until); }
  /// An atomic store; true if the value is to be written now, false if it will be when the line has come.
  bool atomic_store(void* address, unsigned size, std::uint64_t value);
  /// An atomic load; true if *value is set to what the thread itself stores and nobody sees yet.
  bool forwarded(const void* address, unsigned size, std::uint64_t* value) {
    return running->stores_deferred > running->clock && forwarded_from_buffer(address, size, value);
  }
  /// Waits until everything that the thread stored is visible.
  void drain();
  /// The thread's turn at its own time: whoever is behind runs first.
  void in_order() {
    if (schedule.serial()) return serial_turn();
    if (queue.anyone_before(running->clock, running->core)) return let_first_go();
    if (running->clock > give_up) stop_stuck("virtual time ran out");
  }
  /// Time has passed, in which nobody else is touched: the thread's turn, unless it need not take one. Whether it takes
  /// its turn now or with what it does next is the same, unless the conductor looks. `again`: nothing else came after
  /// the last such time, nor a turn so many times ago; then it is waiting longer and longer, and only the end of that
  /// is worth a turn, unless it waits for what is not in the model.
  void time_passed(bool again) {
    if (sees_ahead() || (again && running->clock < unwatched_)) return;
    in_order();
  }

  void block();  ///< until made ready by somebody else
  void ready(sim_thread& one, picoseconds when);
  /// The calling thread has done nothing but look, or wait.
  void spun() noexcept { schedule.spun(running->core); }
  /// Ends the run from within a thread: a data race was seen.
  void stop_if_raced();
  void leave();  ///< the calling thread is through
  [[noreturn]] void stop_stuck(const char* why);
  /// Why it stopped and where each thread was last seen. To be called outside of the threads.
  [[nodiscard]] std::string stuck_where() const;
  [[nodiscard]] std::string race_where() const;

  const machine& m;
  cache_model model;
  std::vector<sim_thread> threads;
  ready_queue queue;
  scheduler schedule;
  std::unique_ptr<weak_memory> weak;  ///< or nullptr: atomics are sequentially consistent
  sim_thread* running = nullptr;
  fiber_context outside;
  unsigned alive = 0;
  picoseconds give_up = ~picoseconds{0};
  const bool keep_threads;
  std::uint64_t next_park = 0;
  std::string stuck_because;
  const std::function<void(unsigned)>* body = nullptr;
  const std::function<void()>* conductor = nullptr;

 private:
  line& line_of(std::uint64_t address) {
    const std::uint64_t number = model.number_of(address);
    line*& seen = recent_[number % recent_lines];
    if (seen->number != number) seen = &model.find(address);
    return *seen;
  }
  line* known_line(std::uint64_t address) {
    const std::uint64_t number = model.number_of(address);
    line*& seen = recent_[number % recent_lines];
    if (seen->number != number) {
      line* const found = model.known(address);
      if (found == nullptr) return nullptr;
      seen = found;
    }
    return seen;
  }
  /// Whether what is seen at the thread's core at its time is known before its turn.
  [[nodiscard]] bool sees_ahead() const noexcept { return running->clock < horizon_; }
  /// Until when `next` sees ahead once it runs: a request that another thread has still to make takes effect
  /// `lookahead_` later at the earliest, wherever it is made. The conductor looks at what all of them have done, so
  /// nobody is ever ahead of it, and it of nobody.
  void look_ahead(const sim_thread& next) noexcept;
  /// The quickest way: an access before its turn that leaves everything as it is, see cache_model::hits_again().
  bool hit_again(std::uint64_t address, unsigned size, access_kind kind) {
    sim_thread& me = *running;
    if (me.clock >= horizon_) return false;
    const std::uint64_t number = model.number_of(address);
    const line* const l = recent_[number % recent_lines];
    const unsigned offset = model.offset_of(address);
    if (l->number != number || std::uint64_t{offset} + size > model.line_size()) return false;
    if (kind == access_kind::load ? me.stores_deferred > me.clock : kind == access_kind::rmw && !me.stores.empty())
      return false;
    if (!model.hits_again(*l, {me.core, kind, offset, size}, me.clock)) return false;
    spend(me, kind);
    return true;
  }
  /// An access to a known line before its turn; false if it is to take its turn, nothing having been done.
  /// `may_join`: see join(); an atomic store does not.
  bool hit_ahead(line& l, core_access what, bool may_join);
  /// An access to a line for which a store of the thread is under way already: one more store is done with it, and a
  /// load of what it wrote reads it back. That hangs on nobody else. False: it is another kind of access.
  bool join(shared_line& l, transition& mine, core_access what);
  void one_line(std::uint64_t address, unsigned size, access_kind kind);
  /// One that lies on several lines.
  void in_parts(std::uint64_t address, unsigned size, access_kind kind);
  /// Before a load: sequential consistency at the price of a wait where it could be seen. A load may only overtake its
  /// thread's own stores while nobody else's store to that line is waiting. (In a cycle of store buffering each thread
  /// would then load before the next one has begun to store, and so before itself.)
  void stay_in_order(line& l);
  /// An access that use() says is no hit.
  void miss(line& l, core_access what, const line_use& seen);
  /// An access to a line that nobody has touched.
  void first_touch(core_access what);
  void remember_store(picoseconds done);
  bool forwarded_from_buffer(const void* address, unsigned size, std::uint64_t* value);
  void let_first_go();
  void switch_to(unsigned thread);
  void resume(ready_queue::entry next);
  void serial_turn();
  void serial_access(std::uint64_t address, access_kind kind);
  void serial_block();
  void serial_switch(unsigned next);
  void release_due();
  [[noreturn]] void stop();
  const bool by_schedule_;          ///< the order of turns is not that of virtual time alone
  const picoseconds lookahead_;     ///< 0: every access is a turn
  const picoseconds overlap_;       ///< the machine's, but for serial schedules: they have one clock
  picoseconds unwatched_ = 0;       ///< until when the conductor does not look at what the running thread does
  picoseconds horizon_ = 0;         ///< until when that thread sees ahead
  std::vector<unsigned> runnable_;  ///< of a serial schedule: who else could run

  static constexpr std::size_t recent_lines = 1024;
  line no_line_;  ///< with a number that no line has
  line* recent_[recent_lines];
};

/// The simulation that is going on, or nullptr.
extern engine* current;
/// Whether accesses count now: inside a simulated thread, outside of the engine itself.
extern bool watching;

/// Keeps what the engine itself does out of the simulation.
class apart {
 public:
  apart() noexcept : was_(std::exchange(watching, false)) {}
  ~apart() { watching = was_; }
  apart(const apart&) = delete;
  apart& operator=(const apart&) = delete;

 private:
  bool was_;
};

}  // namespace contend::coherence
