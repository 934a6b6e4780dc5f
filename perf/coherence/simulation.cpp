// SPDX-License-Identifier: MIT
// See simulation.hpp.
#include "simulation.hpp"

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <optional>

#include "engine.hpp"
#include "heap.hpp"
#include "posix.hpp"
#include "source_lines.hpp"

namespace contend::coherence {
namespace {

// Where the frames of the program's functions lie in a thread's stack decides which of their variables share a line,
// and must not depend on what the engine's own functions need: so enter_thread() has nothing that lives on its stack.

[[gnu::noinline]] void call_body() {
  const engine& e = *current;
  watching = true;
  if (e.running->core + 1 == e.threads.size()) return (*e.conductor)();
  (*e.body)(e.running->core);
}

[[gnu::noinline]] void note_thrown() noexcept {
  watching = false;
  current->running->thrown = std::current_exception();
}

[[gnu::noinline, noreturn]] void leave_thread() noexcept {
  watching = false;
  engine& e = *current;
  if (!e.running->thrown) e.drain();
  e.leave();
  std::abort();  // nobody switches to a thread that has left
}

void enter_thread() {
  try {
    call_body();
  } catch (...) {
    note_thrown();
  }
  leave_thread();
}

}  // namespace

std::string engine::stuck_where() const {
  std::string told = stuck_because;
  for (const auto& one : threads) {
    if (one.over || one.core + 1 == threads.size()) continue;
    told += "; thread " + std::to_string(one.core) + (one.parked_on != nullptr ? " parked" : "") +
            (one.last_access == nullptr ? " before its first access" : " at " + place_of(one.last_access));
    if (told.size() > 2000) {
      told += "; …";
      break;
    }
  }
  return told;
}

std::string engine::race_where() const {
  const auto told = [](const race::side& one) {
    return "thread " + std::to_string(one.thread) + (one.write ? " wrote at " : " read at ") + place_of(one.place) +
           (one.atomic ? ", atomically" : "");
  };
  const race& seen = *weak->raced();
  return "data race: " + told(seen.first) + "; " + told(seen.second) + "; neither happens before the other";
}

simulation::simulation(const machine& m, unsigned threads, const schedule_options& options) {
  if (threads == 0 || threads > std::min(m.cores, max_cores))
    throw std::invalid_argument("threads: " + std::to_string(threads) + " is no number of threads for '" + m.name +
                                "'; expected 1 to " + std::to_string(std::min(m.cores, max_cores)));
  if (current != nullptr) throw std::logic_error("a simulation is going on in this process already");
  posix::link_posix();
  posix::link_clocks();
  heap::link_heap();
  posix::check_interposed();
  const heap::for_simulation own;
  current = new engine(m, threads, options);
}

simulation::~simulation() {
  const heap::for_simulation own;  // or the next block of the program might be one of the engine's
  delete current;
  current = nullptr;
}

cache_model& simulation::model() noexcept { return current->model; }

void simulation::run(const std::function<void(unsigned)>& body, const std::function<void()>& conductor,
                     picoseconds give_up) {
  engine& e = *current;
  e.body = &body;
  e.conductor = &conductor;
  e.give_up = give_up;
  e.alive = static_cast<unsigned>(conductor ? e.threads.size() : e.threads.size() - 1);
  const unsigned taking_part = e.alive;
  // Never given back: what their threads would still do when they end belongs to a program that is ending, too.
  static auto& kept = *new std::vector<std::unique_ptr<fiber_memory>>;
  auto own = std::make_optional<heap::for_simulation>();
  if (e.keep_threads) kept.resize(std::max<std::size_t>(kept.size(), taking_part));
  for (unsigned i = 0; i < taking_part; ++i) {
    auto& memory = e.threads[i].memory;
    if (e.keep_threads) memory = std::move(kept[i]);
    if (memory)
      memory->restart(&enter_thread);
    else
      memory = std::make_unique<fiber_memory>(i, &enter_thread);
    e.queue.put(i, 0);
  }
  for (unsigned i = 0; i < taking_part; ++i) e.threads[i].memory->await();
  own.reset();
  e.outside.thread_pointer = thread_pointer();
  e.running = &e.threads[e.queue.take_first().thread];
  switch_fiber(e.outside, e.running->memory->context);
  e.running = nullptr;
  if (e.keep_threads)
    for (unsigned i = 0; i < taking_part; ++i) kept[i] = std::move(e.threads[i].memory);
  e.model.settle_all(std::numeric_limits<picoseconds>::max());
  if (e.weak && e.weak->raced()) throw data_race(e.race_where());
  if (!e.stuck_because.empty()) throw stuck(e.stuck_where());
  for (const auto& one : e.threads)
    if (one.thrown) std::rethrow_exception(one.thrown);
}

bool simulating() noexcept { return current != nullptr && current->running != nullptr; }
picoseconds now() noexcept {
  return simulating() ? std::max(current->running->clock, current->running->busy_until) : 0;
}
unsigned current_core() noexcept { return simulating() ? current->running->core : 0; }

namespace {

/// Of so many pauses in a row one is a turn: others may say outside of the model what is waited for.
constexpr unsigned pauses_per_turn = 32;

/// Whether the same happened just before, and no turn is called for.
bool pass_time(picoseconds time) noexcept {
  sim_thread& me = *current->running;
  me.passed = me.clock == me.passed_until ? me.passed + 1 : 0;
  me.clock += current->schedule.varied(me.core, time);
  me.passed_until = me.clock;
  return me.passed % pauses_per_turn != 0;
}

}  // namespace

void pass(picoseconds time) noexcept {
  if (!simulating()) return;
  const apart here;
  const bool again = pass_time(time);
  if (current->schedule.serial() && current->running->clock <= current->give_up) return;
  current->time_passed(again);
}

void pass_alone(picoseconds time) noexcept {
  if (!simulating()) return;
  current->finish();
  pass(time);
}

void sleep_until(picoseconds when) noexcept {
  if (!simulating()) return;
  const apart here;
  engine& e = *current;
  e.drain();
  if (e.schedule.serial()) {
    if (when <= e.running->clock) return e.in_order();
    e.spun();
    e.queue.put(e.running->core, when);
    return e.block();
  }
  e.running->clock = std::max(e.running->clock, when);
  e.in_order();
}

void relax() noexcept {
  if (!simulating()) return;
  const apart here;
  ++current->model.deeds().spins;
  current->finish();
  const bool again = pass_time(current->m.pause);
  current->spun();
  current->time_passed(again);
}

void yield() noexcept {
  if (!simulating()) return;
  const apart here;
  current->drain();
  current->running->clock += current->m.system_call;
  current->spun();
  current->in_order();
}

void fence() noexcept {
  if (!simulating()) return;
  const apart here;
  if (current->weak) current->weak->fence(current->running->core, std::memory_order_seq_cst);
  current->drain();
  current->overlapped(*current->running, current->m.fence);
}

bool park(const void* word, std::uint32_t expected, picoseconds deadline) noexcept {
  return park_until(word, expected, deadline) != wait_end::timed_out;
}

wait_end park_until(const void* word, std::uint32_t expected, picoseconds deadline, std::uint32_t bits) noexcept {
  if (!simulating()) return wait_end::changed;
  const apart here;
  engine& e = *current;
  sim_thread& me = *e.running;
  e.drain();
  me.clock += e.m.futex / 2;               // on its way in it locks the bucket, then looks at the word
  if (!e.schedule.serial()) e.in_order();  // so that nobody comes between the look and the sleep
  e.access(reinterpret_cast<std::uint64_t>(word), 4, access_kind::load);
  if (*static_cast<const volatile std::uint32_t*>(word) != expected) {
    me.clock += e.m.futex - e.m.futex / 2;
    return wait_end::changed;
  }
  if (deadline != 0 && deadline <= me.clock) return wait_end::timed_out;
  ++e.model.deeds().parks;
  me.clock += e.m.block;
  me.parked_on = word;
  me.parked_bits = bits;
  me.parked_since = e.next_park++;
  me.timed_out = false;
  if (deadline != 0) e.queue.put(me.core, std::max(deadline, me.clock));
  e.block();
  return me.timed_out ? wait_end::timed_out : wait_end::woken;
}

unsigned wake(const void* word, unsigned n, std::uint32_t bits) noexcept {
  if (!simulating()) return 0;
  const apart here;
  engine& e = *current;
  e.drain();
  e.running->clock += e.m.futex / 2;
  e.in_order();
  unsigned woken = 0;
  while (woken < n) {
    sim_thread* first = nullptr;
    for (auto& one : e.threads)
      if (one.parked_on == word && (one.parked_bits & bits) != 0 &&
          (first == nullptr || one.parked_since < first->parked_since))
        first = &one;
    if (first == nullptr) break;
    ++woken;
    e.running->clock += e.m.wake;
    first->parked_on = nullptr;
    e.ready(*first, std::max(first->clock, e.running->clock + e.m.wake_latency));
  }
  e.running->clock += e.m.futex - e.m.futex / 2;
  return woken;
}

void fence_everywhere() noexcept {
  if (!simulating()) return;
  const apart here;
  engine& e = *current;
  e.drain();
  if (e.weak) e.weak->fence_all(e.running->core);
  e.running->clock += e.m.system_call;
  e.in_order();
  for (const auto& one : e.threads)
    if (!one.over) e.running->clock = std::max(e.running->clock, one.stores_taken);
  e.in_order();
}

outside::outside() noexcept : was_(watching) {
  watching = false;
  if (simulating()) current->running->passed_until = sim_thread::never;  // it may look at what others do there
}
outside::~outside() { watching = was_; }

}  // namespace contend::coherence
