// SPDX-License-Identifier: MIT
// See engine.hpp: the order of virtual time, and what each access costs.
#include "engine.hpp"

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <utility>

namespace contend::coherence {

engine* current = nullptr;
bool watching = false;

void ready_queue::push(entry one) {
  entries_.push_back(one);
  std::size_t at = entries_.size() - 1;
  while (at > 0 && entries_[at].before(entries_[(at - 1) / 2])) {
    std::swap(entries_[at], entries_[(at - 1) / 2]);
    at = (at - 1) / 2;
  }
}

ready_queue::entry ready_queue::pop() {
  const entry first = entries_.front();
  entries_.front() = entries_.back();
  entries_.pop_back();
  if (!entries_.empty()) sink(0);
  return first;
}

ready_queue::entry ready_queue::exchange(entry one) {
  const entry first = std::exchange(entries_.front(), one);
  sink(0);
  return first;
}

void ready_queue::sink(std::size_t at) {
  const std::size_t size = entries_.size();
  for (;;) {
    std::size_t child = 2 * at + 1;
    if (child >= size) return;
    if (child + 1 < size && entries_[child + 1].before(entries_[child])) ++child;
    if (!entries_[child].before(entries_[at])) return;
    std::swap(entries_[child], entries_[at]);
    at = child;
  }
}

engine::engine(const machine& description, unsigned count, const schedule_options& options)
    : m(description),
      model(description, count + 1),
      threads(count + 1),
      schedule(options, count + 1),
      keep_threads(options.keep_threads) {
  if (options.weak) weak = std::make_unique<weak_memory>(options.seed, count + 1);
  for (unsigned i = 0; i < threads.size(); ++i) threads[i].core = i;
}

line& engine::line_of(std::uint64_t address) {
  const std::uint64_t number = address / m.line_size;
  line*& seen = recent_[number % recent_lines];
  if (seen == nullptr || seen->number != number) seen = &model.find(address);
  return *seen;
}

void engine::resume(ready_queue::entry next) {
  sim_thread& from = *running;
  sim_thread& to = threads[next.core];
  if (&from == &to) return;
  running = &to;
  switch_fiber(from.memory->context, to.memory->context);
}

void engine::in_order() {
  if (schedule.serial()) return serial_turn();
  sim_thread& me = *running;
  while (!queue.empty()) {
    const ready_queue::entry mine{me.clock, me.core, me.turn};
    if (!queue.top().before(mine)) break;
    if (queue.top().turn != threads[queue.top().core].turn) {  // somebody else woke it meanwhile
      queue.pop();
      continue;
    }
    if (queue.top().when > give_up) stop_stuck("virtual time ran out");
    const auto next = queue.exchange(mine);
    sim_thread& to = threads[next.core];
    if (to.parked_on != nullptr) {  // its deadline
      to.timed_out = true;
      to.parked_on = nullptr;
    }
    to.clock = next.when;
    ++to.turn;
    resume(next);
    return;  // it is this thread's turn again only when it is the first
  }
  if (me.clock > give_up) stop_stuck("virtual time ran out");
}

void engine::not_too_far_ahead() {
  if (running->clock > give_up || (!queue.empty() && queue.top().when + run_ahead < running->clock)) in_order();
}

void engine::block() {
  if (schedule.serial()) return serial_block();
  sim_thread& me = *running;
  for (;;) {
    if (queue.empty()) stop_stuck("every thread waits for another one");
    const auto next = queue.pop();
    sim_thread& to = threads[next.core];
    if (next.turn != to.turn) continue;
    if (next.when > give_up) stop_stuck("virtual time ran out");
    if (to.parked_on != nullptr) {
      to.timed_out = true;
      to.parked_on = nullptr;
    }
    to.clock = next.when;
    ++to.turn;
    if (&to == &me) return;
    resume(next);
    return;
  }
}

void engine::ready(sim_thread& one, picoseconds when) {
  ++one.turn;
  if (schedule.serial()) {
    runnable_.push_back(one.core);
    schedule.changed();
    return;
  }
  queue.push({when, one.core, one.turn});
}

void engine::release_due() {
  while (!queue.empty() && (queue.top().when <= running->clock || queue.top().turn != threads[queue.top().core].turn)) {
    const auto due = queue.pop();
    sim_thread& one = threads[due.core];
    if (due.turn != one.turn) continue;
    if (one.parked_on != nullptr) {
      one.timed_out = true;
      one.parked_on = nullptr;
    }
    ++one.turn;
    runnable_.push_back(one.core);
    schedule.changed();
  }
}

void engine::serial_switch(unsigned next) {
  threads[next].clock = std::max(threads[next].clock, running->clock);
  resume({threads[next].clock, next, threads[next].turn});
}

void engine::serial_turn() {
  sim_thread& me = *running;
  if (me.clock > give_up) stop_stuck("virtual time ran out");
  release_due();
  if (runnable_.empty()) return;
  const unsigned next = schedule.next(me.core, true, runnable_);
  if (next == me.core) return;
  *std::find(runnable_.begin(), runnable_.end(), next) = me.core;
  serial_switch(next);
}

void engine::serial_block() {
  sim_thread& me = *running;
  release_due();
  if (runnable_.empty()) {
    if (queue.empty()) stop_stuck("every thread waits for another one");
    me.clock = queue.top().when;  // nobody could run before
    if (me.clock > give_up) stop_stuck("virtual time ran out");
    release_due();
  }
  const unsigned next = schedule.next(me.core, false, runnable_);
  runnable_.erase(std::find(runnable_.begin(), runnable_.end(), next));
  if (next != me.core) serial_switch(next);
}

void engine::stop() {
  sim_thread& me = *running;
  running = nullptr;
  switch_fiber(me.memory->context, outside);
  std::abort();  // nobody switches back
}

void engine::stop_stuck(const char* why) {
  stuck_because = why;
  stop();
}

void engine::stop_if_raced() {
  if (weak->raced()) stop();
}

void engine::leave() {
  running->over = true;
  ++running->turn;
  if (--alive == 0) {
    sim_thread& me = *running;
    running = nullptr;
    switch_fiber(me.memory->context, outside);
  }
  block();
}

void engine::settle(const void* address) {
  model.settle(line_of(reinterpret_cast<std::uint64_t>(address)), running->clock);
}

void engine::access(std::uint64_t address, unsigned size, access_kind kind) {
  ++model.counts().accesses;
  if (schedule.serial()) {
    running->clock += kind == access_kind::load ? m.load : kind == access_kind::store ? m.store : m.rmw;
    schedule.step(running->core, address, kind == access_kind::load);
    return serial_turn();
  }
  if (schedule.kind() == schedule_kind::jitter) {
    running->clock += schedule.delay();
    in_order();
  }
  const std::uint64_t in_line = address & (m.line_size - 1);
  if (in_line + size <= m.line_size) return one_line(address, size, kind);
  for (std::uint64_t end = address + size; address < end;) {
    const std::uint64_t next = (address & ~std::uint64_t{m.line_size - 1}) + m.line_size;
    one_line(address, static_cast<unsigned>(std::min(end, next) - address), kind);
    address = next;
  }
}

void engine::stay_in_order(line& l) {
  sim_thread& me = *running;
  if (me.stores_deferred <= me.clock || l.sharing == nullptr) return;
  const auto& waiting = l.sharing->under_way;
  if (std::none_of(waiting.begin(), waiting.end(),
                   [&](const transition& t) { return t.core != me.core && t.size != 0; }))
    return;
  me.clock = me.stores_deferred;
  in_order();
  model.settle(l, me.clock);
}

void engine::one_line(std::uint64_t address, unsigned size, access_kind kind) {
  sim_thread& me = *running;
  line& l = line_of(address);
  const picoseconds cost = kind == access_kind::load ? m.load : kind == access_kind::store ? m.store : m.rmw;
  if (kind == access_kind::rmw) drain();
  if (cache_model::is_private(l, me.core)) {
    me.clock += cost;
    not_too_far_ahead();
    return;
  }
  in_order();
  model.settle(l, me.clock);
  if (kind == access_kind::load) stay_in_order(l);
  const byte_mask bytes = byte_mask::of(model.offset_of(address), size);
  if (transition* mine = cache_model::own(l, me.core)) {
    const bool covers = (bytes.low & ~mine->bytes.low) == 0 && (bytes.high & ~mine->bytes.high) == 0;
    if (mine->kind == access_kind::store && mine->size == 0 &&
        (kind == access_kind::store || (kind == access_kind::load && covers))) {
      model.note(l, me.core, kind, bytes);
      if (kind == access_kind::store) {
        mine->bytes |= bytes;
        remember_store(mine->done);
      }
      me.clock += cost;
      return;
    }
    if (kind != access_kind::load || mine->size != 0 || !l.sharing->sharers.test(me.core)) {
      me.clock = std::max(me.clock, mine->done);
      in_order();
      model.settle(l, me.clock);
    }
  }
  miss(l, kind, bytes);
  me.clock += cost;
}

void engine::miss(line& l, access_kind kind, byte_mask bytes) {
  sim_thread& me = *running;
  const bool store = kind == access_kind::store;
  const picoseconds late = schedule.kind() == schedule_kind::varied
                               ? schedule.varied(m.near.request) - (m.near.request - m.near.request / 8)
                               : 0;
  const picoseconds now = me.clock + late;
  const outcome out = model.request(l, me.core, kind, bytes, now, store ? me.stores_taken : 0, me.last_access);
  if (out.hit) return;
  if (store) {
    me.stores_taken = std::max(me.stores_taken, out.taken);
    remember_store(out.done);
    return;
  }
  me.clock = out.done;
  in_order();
  model.settle(l, me.clock);
}

void engine::remember_store(picoseconds done) {
  sim_thread& me = *running;
  auto& stores = me.stores;
  stores.erase(std::remove_if(stores.begin(), stores.end(), [&](picoseconds t) { return t <= me.clock; }),
               stores.end());
  if (stores.size() >= m.store_buffer) {
    me.clock = *std::min_element(stores.begin(), stores.end());
    in_order();
  }
  stores.push_back(done);
}

void engine::drain() {
  sim_thread& me = *running;
  if (me.stores.empty()) return;
  const picoseconds last = *std::max_element(me.stores.begin(), me.stores.end());
  me.stores.clear();
  if (last > me.clock) {
    me.clock = last;
    in_order();
  }
}

bool engine::atomic_store(void* address, unsigned size, std::uint64_t value) {
  if (schedule.serial()) {
    access(reinterpret_cast<std::uint64_t>(address), size, access_kind::store);
    return true;
  }
  sim_thread& me = *running;
  ++model.counts().accesses;
  const auto at = reinterpret_cast<std::uint64_t>(address);
  line& l = line_of(at);
  const byte_mask bytes = byte_mask::of(model.offset_of(at), size);
  if (cache_model::is_private(l, me.core) && me.stores_deferred <= me.clock) {
    me.clock += m.store;
    not_too_far_ahead();
    return true;
  }
  in_order();
  model.settle(l, me.clock);
  if (transition* mine = cache_model::own(l, me.core)) {
    if (mine->size == size && mine->target == address && me.last_deferred == address) {
      mine->value = value;  // the one in the buffer is overwritten: nobody could have seen it between the two
      me.clock += m.store;
      return false;
    }
    me.clock = std::max(me.clock, mine->done);
    in_order();
    model.settle(l, me.clock);
  }
  if (me.stores_deferred > me.clock && (l.sharing == nullptr || l.sharing->owner == me.core)) {
    me.clock = me.stores_deferred;  // this one would be seen at once, and so before those that wait
    in_order();
    model.settle(l, me.clock);
  }
  const outcome out = model.request(l, me.core, access_kind::store, bytes, me.clock, me.stores_taken, me.last_access);
  me.clock += m.store;
  if (out.hit || l.sharing == nullptr) return true;
  transition& mine = *cache_model::own(l, me.core);
  mine.size = static_cast<std::uint8_t>(size);
  mine.target = address;
  mine.value = value;
  me.stores_taken = std::max(me.stores_taken, out.taken);
  me.stores_deferred = me.stores_taken;
  me.last_deferred = address;
  remember_store(out.done);
  return false;
}

bool engine::forwarded(const void* address, unsigned size, std::uint64_t* value) {
  sim_thread& me = *running;
  if (me.stores_deferred <= me.clock) return false;
  line& l = line_of(reinterpret_cast<std::uint64_t>(address));
  model.settle(l, me.clock);
  const transition* mine = cache_model::own(l, me.core);
  if (mine == nullptr || mine->size != size || mine->target != address) return false;
  model.note(l, me.core, access_kind::load, mine->bytes);
  *value = mine->value;
  me.clock += m.load;
  return true;
}

}  // namespace contend::coherence
