// SPDX-License-Identifier: MIT
// See weak.hpp.
#include "weak.hpp"

#include <algorithm>
#include <cassert>
#include <cstring>

namespace contend::coherence {
namespace {

bool acquires(std::memory_order order) noexcept {
  return order != std::memory_order_relaxed && order != std::memory_order_release;
}
bool releases(std::memory_order order) noexcept {
  return order == std::memory_order_release || order == std::memory_order_acq_rel || order == std::memory_order_seq_cst;
}
bool seq_cst(std::memory_order order) noexcept { return order == std::memory_order_seq_cst; }

std::uint64_t in_memory(std::uint64_t address, unsigned size) noexcept {
  std::uint64_t value = 0;
  std::memcpy(&value, reinterpret_cast<const void*>(address), size);  // little endian, as both machines are
  return value;
}

}  // namespace

weak_memory::weak_memory(std::uint64_t seed, unsigned threads)
    : draws_(~seed), threads_(threads), fences_(threads), stores_(threads) {
  for (unsigned i = 0; i < threads; ++i) {
    threads_[i].now = {vector_clock(threads), vector_clock(threads)};
    tick(i);
  }
}

void weak_memory::tick(unsigned thread) noexcept {
  threads_[thread].now.before.tick(thread);
  threads_[thread].now.seen.tick(thread);
}

weak_memory::word& weak_memory::word_of(const access_of& a) {
  cell& c = cells_[a.address / 8];
  auto& words = c.words;
  const auto overlaps = [&](const auto& w) {
    return w->address < a.address + a.size && a.address < w->address + w->size;
  };
  std::erase_if(words, [&](const auto& w) {
    if (!overlaps(w) || (w->address == a.address && w->size == a.size)) return false;
    c.carried.join(w->stores.back().carried);
    return true;
  });
  auto at = std::find_if(words.begin(), words.end(), overlaps);
  const std::uint64_t now = in_memory(a.address, a.size);
  if (at == words.end()) {
    auto fresh = std::make_unique<word>();
    fresh->address = a.address;
    fresh->size = a.size;
    fresh->known.resize(threads_.size());
    fresh->stores.push_back({apart, now, false, !c.carried.before.empty(), c.carried});
    words.push_back(std::move(fresh));
    return *words.back();
  }
  word& w = **at;
  if (w.overwritten || w.stores.back().value != now) {
    // A plain write, or one by code that is not instrumented: only what is there now can be read.
    w.stores = {{w.stores.back().stamp + apart, now, false, false, {}}};
    w.overwritten = false;
    w.last_seq_cst = 0;
    for (auto& each : w.known) each.clear();
  }
  return w;
}

std::uint64_t weak_memory::floor(const word& w, unsigned thread, bool in_one_order) const {
  std::uint64_t least = in_one_order ? w.last_seq_cst : 0;
  const vector_clock& seen = threads_[thread].now.seen;
  for (unsigned i = 0; i < w.known.size(); ++i) {
    const std::uint64_t up_to = i == thread    ? ~std::uint64_t{0}
                                : in_one_order ? std::max(seen[i], fences_[i])
                                               : seen[i];
    const auto& of = w.known[i];
    for (auto each = of.rbegin(); each != of.rend(); ++each)
      if (each->epoch <= up_to) {
        least = std::max(least, each->stamp);
        break;
      }
  }
  return least;
}

std::size_t weak_memory::choose(const word& w, std::uint64_t from, bool for_update) {
  const std::size_t last = w.stores.size() - 1;
  if (draws_.one_in(2)) return last;
  std::size_t first = 0;
  while (first < last && w.stores[first].stamp < from) ++first;
  std::size_t chosen = first + draws_.below(last - first + 1);
  // One that another update has taken, or that has no room behind it, cannot be taken by an update.
  while (for_update && chosen < last &&
         (w.stores[chosen + 1].by_update || w.stores[chosen + 1].stamp - w.stores[chosen].stamp < 2))
    ++chosen;
  return chosen;
}

void weak_memory::note_known(word& w, unsigned thread, std::uint64_t stamp) {
  auto& of = w.known[thread];
  const std::uint64_t now = epoch(thread);
  if (!of.empty() && of.back().stamp >= stamp) return;
  if (!of.empty() && of.back().epoch == now)
    of.back().stamp = stamp;
  else
    of.push_back({now, stamp});
  if (of.size() > 4 * remembered) {  // stores that old are forgotten themselves
    of.erase(of.begin(), of.begin() + 2 * remembered);
    of.front().epoch = 0;
  }
}

void weak_memory::take(word& w, const access_of& a, const stored& from, std::memory_order order) {
  note_known(w, a.thread, from.stamp);
  if (seq_cst(order)) w.last_seq_cst = std::max(w.last_seq_cst, from.stamp);
  if (!from.releases) return;
  thread_state& me = threads_[a.thread];
  (acquires(order) ? me.now : me.taken).join(from.carried);
}

void weak_memory::put(word& w, const access_of& a, std::uint64_t value, std::size_t after, const stored* updated) {
  thread_state& me = threads_[a.thread];
  stored fresh;
  fresh.value = value;
  fresh.by_update = updated != nullptr;
  const bool last = after + 1 == w.stores.size();
  fresh.stamp = last ? w.stores[after].stamp + apart : (w.stores[after].stamp + w.stores[after + 1].stamp) / 2;
  note_known(w, a.thread, fresh.stamp);
  if (updated != nullptr && updated->releases) fresh.carried = updated->carried;
  if (releases(a.order))
    fresh.carried.join(me.now);
  else if (!me.released.before.empty())
    fresh.carried.join(me.released);
  fresh.releases = !fresh.carried.before.empty();
  if (seq_cst(a.order)) {
    w.last_seq_cst = std::max(w.last_seq_cst, fresh.stamp);
    stores_.join(me.now.seen);
  }
  if (releases(a.order)) tick(a.thread);
  if (last) std::memcpy(reinterpret_cast<void*>(a.address), &value, a.size);
  w.stores.insert(w.stores.begin() + static_cast<std::ptrdiff_t>(after) + 1, std::move(fresh));
  if (w.stores.size() > remembered) w.stores.erase(w.stores.begin());
}

std::uint64_t weak_memory::load(const access_of& a) {
  look_for_race(a, false, true);
  word& w = word_of(a);
  const stored& from = w.stores[choose(w, floor(w, a.thread, seq_cst(a.order)), false)];
  take(w, a, from, a.order);
  return from.value;
}

void weak_memory::store(const access_of& a, std::uint64_t value) {
  look_for_race(a, true, true);
  word& w = word_of(a);
  std::size_t after = w.stores.size() - 1;
  if (!seq_cst(a.order) && draws_.one_in(4)) after = choose(w, floor(w, a.thread, false), true);
  put(w, a, value, after, nullptr);
}

std::uint64_t weak_memory::begin_update(const access_of& a) {
  look_for_race(a, true, true);
  word& w = word_of(a);
  picked_ = choose(w, floor(w, a.thread, seq_cst(a.order)), true);
  return w.stores[picked_].value;
}

void weak_memory::end_update(const access_of& a, std::uint64_t value) {
  word& w = word_of(a);
  const stored from = w.stores[picked_];
  take(w, a, from, a.order);
  put(w, a, value, picked_, &from);
}

bool weak_memory::compare_exchange(const access_of& a, std::memory_order failure, std::uint64_t& expected,
                                   std::uint64_t desired, bool may_fail) {
  word& w = word_of(a);
  const bool in_one_order = seq_cst(a.order) || seq_cst(failure);
  const std::uint64_t least = floor(w, a.thread, in_one_order);
  picked_ = choose(w, least, false);
  if (w.stores[picked_].value == expected && !(may_fail && draws_.one_in(16))) {
    picked_ = choose(w, w.stores[picked_].stamp, true);
    if (w.stores[picked_].value == expected) {
      look_for_race(a, true, true);
      end_update(a, desired);
      return true;
    }
  }
  look_for_race(a, false, true);
  take(w, a, w.stores[picked_], failure);
  expected = w.stores[picked_].value;
  return false;
}

void weak_memory::fence(unsigned thread, std::memory_order order) {
  thread_state& me = threads_[thread];
  if (acquires(order)) me.now.join(me.taken);
  if (seq_cst(order)) {
    me.now.seen.join(fences_);
    me.now.seen.join(stores_);
    fences_.join(me.now.seen);
  }
  if (releases(order)) {
    me.released = me.now;
    tick(thread);
  }
}

void weak_memory::fence_all(unsigned caller) {
  fence(caller, std::memory_order_seq_cst);
  for (unsigned i = 0; i < threads_.size(); ++i)
    if (i != caller) fence(i, std::memory_order_seq_cst);
  fence(caller, std::memory_order_seq_cst);
}

void weak_memory::plain(const access_of& a, bool write) {
  look_for_race(a, write, false);
  if (write) overwrite(a);
}

void weak_memory::wide(const access_of& a, bool write) {
  look_for_race(a, write, true);
  knowledge& written = wide_[a.address];
  threads_[a.thread].now.join(written);
  if (!write) return;
  overwrite(a);
  written.join(threads_[a.thread].now);
  tick(a.thread);
}

void weak_memory::overwrite(const access_of& a) {
  for (std::uint64_t at = a.address / 8; at <= (a.address + a.size - 1) / 8; ++at)
    if (const auto found = cells_.find(at); found != cells_.end())
      for (auto& w : found->second.words)
        if (w->address < a.address + a.size && a.address < w->address + w->size) w->overwritten = true;
}

void weak_memory::forget(std::uint64_t address, std::uint64_t size) {
  for (std::uint64_t at = address / 8; size != 0 && at <= (address + size - 1) / 8; ++at) cells_.erase(at);
}

void weak_memory::look_for_race(const access_of& a, bool write, bool atomic) {
  for (std::uint64_t at = a.address, end = a.address + a.size; at < end;) {
    const std::uint64_t next = std::min((at & ~std::uint64_t{7}) + 8, end);
    const auto bytes = static_cast<std::uint8_t>(((1U << (next - at)) - 1) << (at & 7));
    look_for_race(cells_[at / 8], bytes, a, write, atomic);
    at = next;
  }
}

void weak_memory::look_for_race(cell& c, std::uint8_t bytes, const access_of& a, bool write, bool atomic) {
  const vector_clock& before = threads_[a.thread].now.before;
  const trace mine{static_cast<std::uint16_t>(a.thread), bytes, write, atomic, before[a.thread], a.place};
  const auto replaced = [&](const trace& t) {
    return t.thread == mine.thread && t.atomic == atomic && t.write == write && (t.bytes & ~bytes) == 0;
  };
  for (const auto& t : c.traces)
    if (!race_ && t.thread != mine.thread && (t.bytes & bytes) != 0 && (t.write || write) && !(t.atomic && atomic) &&
        t.epoch > before[t.thread])
      race_ = race{{t.thread, t.write, t.atomic, t.place}, {a.thread, write, atomic, a.place}};
  std::erase_if(c.traces, replaced);
  // A plain write that has looked at them all stands for what happens before it.
  if (write && !atomic && !race_) std::erase_if(c.traces, [&](const trace& t) { return (t.bytes & ~bytes) == 0; });
  c.traces.push_back(mine);
}

}  // namespace contend::coherence
