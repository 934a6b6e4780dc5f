// SPDX-License-Identifier: MIT
// See engine.hpp: the order of virtual time, and what each access costs.
#include "engine.hpp"

#include <algorithm>
#include <cstdlib>
#include <utility>

namespace contend::coherence {

engine* current = nullptr;
bool watching = false;

namespace {

/// What the thread has under way on the line: it waits for all but stores.
transition* own_of(const sim_thread& me, line& l) { return me.stores.empty() ? nullptr : cache_model::own(l, me.core); }

/// How long it takes at least from a request of one core until another one has lost anything. With other schedules and
/// weak memory the order of turns itself decides what is drawn.
picoseconds lookahead_of(const machine& m, const schedule_options& options) {
  if (!options.lookahead || options.weak) return 0;
  if (options.kind != schedule_kind::none && options.kind != schedule_kind::varied) return 0;
  const auto until_probed = [](const legs& way) { return way.request + way.probe; };
  return std::min({until_probed(m.near), until_probed(m.far), until_probed(m.remote)});
}

}  // namespace

engine::engine(const machine& description, unsigned count, const schedule_options& options)
    : m(description),
      model(description, count + 1),
      threads(count + 1),
      queue(count + 1),
      schedule(options, count + 1),
      keep_threads(options.keep_threads),
      by_schedule_(schedule.serial() || schedule.kind() == schedule_kind::jitter),
      lookahead_(lookahead_of(description, options)),
      overlap_(schedule.serial() ? 0 : description.rmw_overlap) {
  if (options.weak) weak = std::make_unique<weak_memory>(options.seed, count + 1);
  for (unsigned i = 0; i < threads.size(); ++i) threads[i].core = i;
  no_line_.number = ~std::uint64_t{0};
  std::fill(std::begin(recent_), std::end(recent_), &no_line_);
}

void engine::switch_to(unsigned thread) {
  sim_thread& from = *running;
  sim_thread& to = threads[thread];
  if (&from == &to) return;
  running = &to;
  switch_fiber(from.memory->context, to.memory->context);
}

void engine::resume(ready_queue::entry next) {
  if (next.when > give_up) stop_stuck("virtual time ran out");
  sim_thread& to = threads[next.thread];
  if (to.parked_on != nullptr) {  // its deadline
    to.timed_out = true;
    to.parked_on = nullptr;
  }
  to.clock = next.when;
  look_ahead(to);
  switch_to(next.thread);
}

void engine::look_ahead(const sim_thread& next) noexcept {
  const sim_thread& watcher = threads.back();
  const bool never = lookahead_ == 0 || &next == &watcher || watcher.parked_on != nullptr;
  unwatched_ = never ? 0 : std::min(queue.time_of(watcher.core) + 1, give_up);
  horizon_ = std::min(queue.first_time() + lookahead_, unwatched_);
}

void engine::let_first_go() {
  const auto next = queue.take_first();
  queue.put(running->core, running->clock);
  resume(next);  // it is this thread's turn again only when it is the first
}

void engine::block() {
  if (schedule.serial()) return serial_block();
  if (queue.empty()) stop_stuck("every thread waits for another one");
  resume(queue.take_first());
}

void engine::ready(sim_thread& one, picoseconds when) {
  if (schedule.serial()) {
    queue.remove(one.core);
    runnable_.push_back(one.core);
    schedule.changed();
    return;
  }
  queue.put(one.core, when);
  look_ahead(*running);
}

void engine::release_due() {
  while (!queue.empty() && queue.top().when <= running->clock) {
    sim_thread& one = threads[queue.take_first().thread];
    if (one.parked_on != nullptr) {
      one.timed_out = true;
      one.parked_on = nullptr;
    }
    runnable_.push_back(one.core);
    schedule.changed();
  }
}

void engine::serial_switch(unsigned next) {
  threads[next].clock = std::max(threads[next].clock, running->clock);
  switch_to(next);
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

void engine::serial_access(std::uint64_t address, access_kind kind) {
  spend(*running, kind);
  schedule.step(running->core, address, kind == access_kind::load);
  serial_turn();
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
  finish();
  if (!schedule.serial()) in_order();
  running->over = true;
  if (--alive == 0) {
    sim_thread& me = *running;
    running = nullptr;
    switch_fiber(me.memory->context, outside);
  }
  block();
}

void engine::stay_in_order(line& l) {
  sim_thread& me = *running;
  if (me.stores_deferred <= me.clock || l.sharing == nullptr) return;
  const auto& waiting = l.sharing->under_way;
  if (std::none_of(waiting.begin(), waiting.end(),
                   [&](const transition& t) { return t.what.core() != me.core && t.size != 0; }))
    return;
  me.clock = me.stores_deferred;
  in_order();
  model.settle(l, me.clock);
}

bool engine::hit_ahead(line& l, core_access what, bool may_join) {
  sim_thread& me = *running;
  if (me.clock >= unwatched_) return false;
  if (what.kind() == access_kind::load && me.stores_deferred > me.clock) return false;  // see stay_in_order()
  if (!cache_model::is_private(l, me.core, me.clock)) {
    if (l.sharing == nullptr) return false;
    shared_line& shared = *l.sharing;
    if (transition* mine = own_of(me, l)) {
      if (!may_join || mine->when <= me.clock || !join(shared, *mine, what)) return false;
    } else {
      if (!sees_ahead() || cache_model::due(shared, me.clock)) return false;
      if (!model.hits_unseen(shared, what)) return false;
      model.use(shared, what);
    }
  } else if (!sees_ahead()) {
    return false;
  }
  spend(me, what.kind());
  return true;
}

bool engine::join(shared_line& l, transition& mine, core_access what) {
  const access_kind kind = what.kind();
  if (mine.what.kind() != access_kind::store || mine.size != 0 || kind == access_kind::rmw) return false;
  const byte_mask bytes = what.bytes();
  byte_mask all = mine.bytes();
  const bool covers = all.covers(bytes);
  if (kind == access_kind::load && !covers) return false;
  model.note(l, what);
  if (kind == access_kind::load) return true;
  if (!covers) {
    all |= bytes;
    mine.joined = all;
    mine.what = mine.what.in_parts();
  }
  remember_store(mine.done);
  return true;
}

inline void engine::miss(line& l, core_access what, const line_use& seen) {
  sim_thread& me = *running;
  const bool store = what.kind() == access_kind::store;
  const transition& entered = model.enter(*l.sharing, what, seen, me.clock, schedule.legs(me.core),
                                          store ? me.stores_taken : 0, me.last_access);
  if (store) {
    me.stores_taken = std::max(me.stores_taken, entered.when);
    remember_store(entered.done);
    return;
  }
  me.clock = entered.done;
  in_order();
  model.settle(l, me.clock);
}

void engine::first_touch(core_access what) {
  sim_thread& me = *running;
  if (what.kind() == access_kind::store) {
    me.stores_taken = std::max(me.stores_taken, me.clock);
    remember_store(me.clock + m.memory);
    return;
  }
  me.clock += m.memory;  // it comes before all others, so it is made now, and is long
}

void engine::remember_store(picoseconds done) {
  sim_thread& me = *running;
  me.stores.forget_until(me.clock);
  if (me.stores.size() >= m.store_buffer) {
    me.clock = me.stores.earliest();
    in_order();
  }
  me.stores.add(done);
}

void engine::drain() {
  sim_thread& me = *running;
  finish();
  if (me.stores.empty()) return;
  const picoseconds last = me.stores.latest();
  me.stores.clear();
  if (last > me.clock) {
    me.clock = last;
    in_order();
  }
}

[[gnu::always_inline]] inline void engine::one_line(std::uint64_t address, unsigned size, access_kind kind) {
  sim_thread& me = *running;
  if (kind == access_kind::rmw) drain();
  const core_access what = model.access_of(me.core, kind, address, size);
  line* const known = known_line(address);
  if (queue.anyone_before(me.clock, me.core)) {
    if (known != nullptr && hit_ahead(*known, what, true)) return;
    let_first_go();
  } else if (me.clock > give_up) {
    stop_stuck("virtual time ran out");
  }
  line& l = known != nullptr ? *known : line_of(address);
  model.settle(l, me.clock);
  if (kind == access_kind::load) stay_in_order(l);
  if (cache_model::is_private(l, me.core, me.clock)) {
    spend(me, kind);
    return;
  }
  if (transition* mine = own_of(me, l)) {
    if (join(*l.sharing, *mine, what)) {
      spend(me, kind);
      return;
    }
    if (kind != access_kind::load || mine->size != 0 || !model.state_of(*l.sharing).views.holders()[me.core]) {
      me.clock = std::max(me.clock, mine->done);
      in_order();
      model.settle(l, me.clock);
    }
  }
  if (l.sharing == nullptr && model.touch_first(l, me.core)) {
    first_touch(what);
  } else if (const line_use seen = model.use(*l.sharing, what); !seen.hit()) {
    miss(l, what, seen);
  }
  spend(me, kind);
}

void engine::in_parts(std::uint64_t address, unsigned size, access_kind kind) {
  while (size != 0) {
    const unsigned part = std::min(size, model.line_size() - model.offset_of(address));
    one_line(address, part, kind);
    address += part;
    size -= part;
  }
}

void engine::turn(std::uint64_t address, unsigned size, access_kind kind) {
  const apart here;
  if (by_schedule_) [[unlikely]] {
    if (schedule.serial()) return serial_access(address, kind);
    running->clock += schedule.delay(running->core);
    in_order();
  }
  if (std::uint64_t{model.offset_of(address)} + size > model.line_size()) [[unlikely]]
    return in_parts(address, size, kind);
  one_line(address, size, kind);
}

bool engine::atomic_store(void* address, unsigned size, std::uint64_t value) {
  if (schedule.serial()) {
    access(reinterpret_cast<std::uint64_t>(address), size, access_kind::store);
    return true;
  }
  sim_thread& me = *running;
  ++model.deeds().accesses;
  const auto at = reinterpret_cast<std::uint64_t>(address);
  const core_access what = model.access_of(me.core, access_kind::store, at, size);
  // The one in the buffer is overwritten: nobody could have seen it between the two.
  const auto overwrites = [&](const transition& mine) {
    return mine.size == size && mine.target == address && me.last_deferred == address;
  };
  if (me.stores_deferred <= me.clock) {
    if (line* const known = known_line(at); known != nullptr && hit_ahead(*known, what, false)) return true;
  } else if (line* const known = me.clock < unwatched_ ? known_line(at) : nullptr) {
    if (transition* mine = own_of(me, *known); mine != nullptr && mine->when > me.clock && overwrites(*mine)) {
      mine->value = value;
      spend(me, access_kind::store);
      return false;
    }
  }
  in_order();
  line& l = line_of(at);
  model.settle(l, me.clock);
  if (transition* mine = own_of(me, l)) {
    if (overwrites(*mine)) {
      mine->value = value;
      spend(me, access_kind::store);
      return false;
    }
    me.clock = std::max(me.clock, mine->done);
    in_order();
    model.settle(l, me.clock);
  }
  if (me.stores_deferred > me.clock && (l.sharing == nullptr || model.state_of(*l.sharing).owner == me.core)) {
    me.clock = me.stores_deferred;  // this one would be seen at once, and so before those that wait
    in_order();
    model.settle(l, me.clock);
  }
  const picoseconds now = me.clock;
  spend(me, access_kind::store);
  if (cache_model::is_private(l, me.core, now)) return true;
  if (l.sharing == nullptr && model.touch_first(l, me.core)) return true;
  const line_use seen = model.use(*l.sharing, what);
  if (seen.hit()) return true;
  transition& mine = model.enter(*l.sharing, what, seen, now, schedule.legs(me.core), me.stores_taken, me.last_access);
  mine.size = static_cast<std::uint8_t>(size);
  mine.target = address;
  mine.value = value;
  me.stores_taken = std::max(me.stores_taken, mine.when);
  me.stores_deferred = me.stores_taken;
  me.last_deferred = address;
  remember_store(mine.done);
  return false;
}

bool engine::forwarded_from_buffer(const void* address, unsigned size, std::uint64_t* value) {
  sim_thread& me = *running;
  const apart here;
  in_order();
  line& l = line_of(reinterpret_cast<std::uint64_t>(address));
  model.settle(l, me.clock);
  const transition* mine = own_of(me, l);
  if (mine == nullptr || mine->size != size || mine->target != address) return false;
  model.note(*l.sharing, model.access_of(me.core, access_kind::load, reinterpret_cast<std::uint64_t>(address), size));
  *value = mine->value;
  spend(me, access_kind::load);
  return true;
}

}  // namespace contend::coherence
