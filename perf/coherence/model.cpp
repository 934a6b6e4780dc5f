// SPDX-License-Identifier: MIT
// See model.hpp.
#include "model.hpp"

#include <algorithm>
#include <bit>
#include <iterator>

namespace contend::coherence {

byte_mask byte_mask::of(unsigned offset, unsigned size) noexcept {
  const auto span = [](unsigned from, unsigned to) -> std::uint64_t {  // bits from … to−1 of 64
    if (from >= to) return 0;
    const std::uint64_t below = to >= 64 ? ~0ULL : (1ULL << to) - 1;
    return below & ~((1ULL << from) - 1);
  };
  const unsigned end = std::min(offset + size, 128U);
  return {span(std::min(offset, 64U), std::min(end, 64U)), span(std::max(offset, 64U) - 64, std::max(end, 64U) - 64)};
}

namespace {

void write_value(void* target, unsigned size, std::uint64_t value) {
  switch (size) {
    case 1:
      *static_cast<volatile std::uint8_t*>(target) = static_cast<std::uint8_t>(value);
      break;
    case 2:
      *static_cast<volatile std::uint16_t*>(target) = static_cast<std::uint16_t>(value);
      break;
    case 4:
      *static_cast<volatile std::uint32_t*>(target) = static_cast<std::uint32_t>(value);
      break;
    default:
      *static_cast<volatile std::uint64_t*>(target) = value;
  }
}

}  // namespace

cache_model::cache_model(const machine& m, unsigned cores)
    : machine_(m), cores_(cores), shift_(static_cast<unsigned>(std::countr_zero(m.line_size))), table_(1U << 12) {}

line& cache_model::find(std::uint64_t address) {
  const std::uint64_t number = address >> shift_;
  std::size_t mask = table_.size() - 1;
  std::size_t at = (number * 0x9E3779B97F4A7C15U >> 20) & mask;
  while (table_[at] != nullptr) {
    if (table_[at]->number == number) return *table_[at];
    at = (at + 1) & mask;
  }
  if (all_.size() * 2 >= table_.size()) {
    grow();
    return find(address);
  }
  line& fresh = all_.emplace_back();
  fresh.number = number;
  fresh.order = static_cast<std::uint32_t>(all_.size() - 1);
  table_[at] = &fresh;
  return fresh;
}

void cache_model::grow() {
  table_.assign(table_.size() * 4, nullptr);
  const std::size_t mask = table_.size() - 1;
  for (auto& one : all_) {
    std::size_t at = (one.number * 0x9E3779B97F4A7C15U >> 20) & mask;
    while (table_[at] != nullptr) at = (at + 1) & mask;
    table_[at] = &one;
  }
}

shared_line& cache_model::share(line& l) const {
  l.sharing = std::make_unique<shared_line>();
  shared_line& s = *l.sharing;
  s.views.resize(cores_);
  s.noted.resize(cores_);
  s.owner = l.first;
  s.dirty = true;  // whether its first user ever wrote it was not noted; memory is mostly written first
  s.sharers.set(l.first);
  s.touched.set(l.first);
  s.views[l.first].known = s.views[l.first].vague = true;
  return s;
}

void cache_model::settle(line& l, picoseconds now) {
  if (l.sharing == nullptr) return;
  auto& waiting = l.sharing->under_way;
  std::size_t due = 0;
  while (due < waiting.size() && waiting[due].when <= now) apply(*l.sharing, waiting[due++]);
  if (due > 0) waiting.erase(waiting.begin(), waiting.begin() + static_cast<std::ptrdiff_t>(due));
}

std::uint16_t cache_model::server(const shared_line& l) const noexcept {
  if (machine_.protocol == coherence_protocol::mesi) return shared_line::nobody;
  for (auto t = l.under_way.rbegin(); t != l.under_way.rend(); ++t)
    if (t->kind != access_kind::load) return t->core;
  if (!l.dirty) return shared_line::nobody;
  return l.owner != shared_line::nobody ? l.owner : l.owned_by;
}

const legs& cache_model::route(const shared_line& l, unsigned core, access_kind kind) const {
  if (kind == access_kind::load)
    if (const auto owner = server(l); owner != shared_line::nobody) return machine_.between(core, owner);
  // Whoever is served before this request has the line when its turn comes.
  if (!l.under_way.empty()) return machine_.between(core, l.under_way.back().core);
  if (l.owner != shared_line::nobody) return machine_.between(core, l.owner);
  const legs* chosen = nullptr;
  for (unsigned k = 0; k < cores_; ++k) {
    if (k == core || !l.sharers.test(k)) continue;
    const legs& way = machine_.between(core, k);
    const auto whole = [](const legs& x) { return x.request + x.probe + x.data; };
    // A read comes from the nearest copy, a write has to reach the farthest.
    if (chosen == nullptr || (kind == access_kind::load) == (whole(way) < whole(*chosen))) chosen = &way;
  }
  return chosen == nullptr ? machine_.near : *chosen;
}

outcome cache_model::request(line& l, unsigned core, access_kind kind, byte_mask bytes, picoseconds now,
                             picoseconds not_before, const void* site) {
  if (l.sharing == nullptr) {
    if (l.first == line::nobody) {
      l.first = static_cast<std::uint16_t>(core);
      return {false, now, now + machine_.memory};
    }
    if (l.first == core) return {true, now, now};
    share(l);
  }
  shared_line& s = *l.sharing;
  s.touched.set(core);
  note(l, core, kind, bytes);
  if (kind == access_kind::load ? s.sharers.test(core) : s.owner == core) {
    s.views[core].used |= bytes;
    if (kind != access_kind::load) {
      s.written |= bytes;
      s.dirty = true;
    }
    return {true, now, now};
  }
  const legs& way = route(s, core, kind);
  // A copy that is still there when the turn comes spares the data.
  const bool keeps_copy =
      s.sharers.test(core) && std::none_of(s.under_way.begin(), s.under_way.end(), [&](const transition& t) {
        return t.core != core && t.kind != access_kind::load;
      });
  outcome out{false, 0, 0};
  out.taken = std::max(std::max(now + way.request, s.busy) + way.probe, not_before);
  out.done = out.taken + (keeps_copy ? 0 : way.data);
  s.busy = out.done + way.acknowledge;
  transition t;
  t.when = out.taken;
  t.done = out.done;
  t.core = static_cast<std::uint16_t>(core);
  t.kind = kind;
  t.bytes = bytes;
  t.site = site;
  s.under_way.push_back(t);
  return out;
}

transition* cache_model::own(line& l, unsigned core) {
  if (l.sharing == nullptr) return nullptr;
  for (auto& t : l.sharing->under_way)
    if (t.core == core) return &t;
  return nullptr;
}

void cache_model::note(line& l, unsigned core, access_kind kind, byte_mask bytes) const {
  if (l.sharing == nullptr || !counting_) return;
  byte_use& mine = l.sharing->noted[core];
  if (kind != access_kind::store) mine.read |= bytes;
  if (kind != access_kind::load) mine.wrote |= bytes;
}

void cache_model::put_down_to_site(shared_line& l, const transition& t, bool true_sharing) {
  auto place = std::find_if(l.sites.begin(), l.sites.end(),
                            [&](const site_counts& s) { return s.from == t.site && s.kind == t.kind; });
  if (place == l.sites.end()) {
    const bool full = l.sites.size() >= max_sites;
    if (!full || l.sites.back().from != nullptr) l.sites.push_back({full ? nullptr : t.site, t.kind, 0, 0});
    place = std::prev(l.sites.end());
  }
  ++(true_sharing ? place->true_sharing : place->false_sharing);
}

void cache_model::apply(shared_line& l, const transition& t) {
  const unsigned core = t.core;
  if (t.size != 0) write_value(t.target, t.size, t.value);
  core_view& mine = l.views[core];
  const auto count = [&](std::uint64_t event_counts::*what, std::uint64_t n = 1) {
    if (!counting_) return;
    counts_.*what += n;
    l.counts.*what += n;
  };
  // What the owner wrote is news to all that have no copy.
  if (l.owner != shared_line::nobody && l.owner != core) {
    for (unsigned k = 0; k < cores_; ++k)
      if (l.touched.test(k) && !l.sharers.test(k)) l.views[k].others_wrote |= l.written;
    l.written = {};
  }
  auto others = l.sharers;
  others.reset(core);
  const bool had_copy = l.sharers.test(core);
  bool wanted = mine.others_wrote.meets(t.bytes);
  if (t.kind == access_kind::load) {
    if (had_copy) return;
    if (l.owner != shared_line::nobody && l.dirty) {
      if (machine_.protocol == coherence_protocol::moesi) {
        l.owned_by = l.owner;
      } else {
        l.dirty = false;
        count(&event_counts::write_backs);
      }
    }
    l.owner = shared_line::nobody;
  } else {
    for (unsigned k = 0; k < cores_ && !wanted; ++k) wanted = others.test(k) && l.views[k].used.meets(t.bytes);
  }
  if (others.any()) {
    if (had_copy)
      count(&event_counts::upgrades);
    else
      count(&event_counts::line_transfers);
    bool vague = false;
    for (unsigned k = 0; k < cores_ && !vague; ++k) vague = others.test(k) && l.views[k].vague;
    if (mine.known && (wanted || !vague)) {
      count(wanted ? &event_counts::true_sharing : &event_counts::false_sharing);
      if (counting_) put_down_to_site(l, t, wanted);
    }
  }
  if (t.kind == access_kind::load) {
    l.sharers.set(core);
    if (others.none()) l.owner = static_cast<std::uint16_t>(core);
    mine = {t.bytes, {}, true, false};
    return;
  }
  count(&event_counts::invalidations, others.count());
  for (unsigned k = 0; k < cores_; ++k)
    if (others.test(k)) l.views[k] = {{}, {}, true, false};
  l.sharers.reset();
  l.sharers.set(core);
  l.owner = static_cast<std::uint16_t>(core);
  l.owned_by = shared_line::nobody;
  l.dirty = true;
  byte_mask used = t.bytes;
  if (had_copy) used |= mine.used;
  mine = {used, {}, true, false};
  l.written = t.bytes;
}

void cache_model::reset_counts() {
  counts_ = {};
  counting_ = true;
  for (auto& one : all_) {
    if (one.sharing == nullptr) continue;
    one.sharing->counts = {};
    one.sharing->noted.assign(cores_, {});
    one.sharing->sites.clear();
  }
}

std::vector<const line*> cache_model::lines() const {
  std::vector<const line*> out;
  for (const auto& one : all_) out.push_back(&one);
  return out;
}

std::size_t cache_model::bytes_used() const noexcept {
  std::size_t sum = table_.size() * sizeof(line*) + all_.size() * sizeof(line);
  for (const auto& one : all_)
    if (one.sharing)
      sum += sizeof(shared_line) + one.sharing->views.capacity() * sizeof(core_view) +
             one.sharing->under_way.capacity() * sizeof(transition) + one.sharing->noted.capacity() * sizeof(byte_use) +
             one.sharing->sites.capacity() * sizeof(site_counts);
  return sum;
}

}  // namespace contend::coherence
