// SPDX-License-Identifier: MIT
// See model.hpp.
#include "model.hpp"

#include <algorithm>
#include <bit>
#include <iterator>

namespace contend::coherence {

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
  const std::uint64_t number = number_of(address);
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
  table_.assign(table_.size() * 2, nullptr);
  const std::size_t mask = table_.size() - 1;
  for (auto& one : all_) {
    std::size_t at = (one.number * 0x9E3779B97F4A7C15U >> 20) & mask;
    while (table_[at] != nullptr) at = (at + 1) & mask;
    table_[at] = &one;
  }
}

shared_line& cache_model::share(line& l) const {
  l.sharing = std::make_unique<shared_line>(l.first);
  l.sharing->dirty = true;  // whether its first user ever wrote it was not noted; memory is mostly written first
  return *l.sharing;
}

transition& cache_model::fresh_transition() {
  if (free_ == nullptr) return transitions_.emplace_back();
  transition& again = *std::exchange(free_, free_->next);
  again = {};
  return again;
}

void cache_model::settle_due(shared_line& l, picoseconds now) {
  while (!l.under_way.empty() && l.under_way.front().when <= now) {
    transition& due = l.under_way.take_first();
    apply(l, due);
    due.next = std::exchange(free_, &due);
  }
}

std::uint16_t cache_model::server(const shared_line& l) const noexcept {
  if (machine_.protocol == coherence_protocol::mesi) return shared_line::nobody;
  if (const auto writer = l.under_way.last_writer(); writer != shared_line::nobody) return writer;
  if (!l.dirty) return shared_line::nobody;
  return l.owner != shared_line::nobody ? l.owner : l.owned_by;
}

const legs& cache_model::route(const shared_line& l, unsigned core, access_kind kind) const {
  if (kind == access_kind::load)
    if (const auto owner = server(l); owner != shared_line::nobody) return machine_.between(core, owner);
  // Whoever is served before this request has the line when its turn comes.
  if (!l.under_way.empty()) return machine_.between(core, l.under_way.back().core);
  if (l.owner != shared_line::nobody) return machine_.between(core, l.owner);
  const core_set& holders = l.views.holders();
  const legs* chosen = nullptr;
  for (unsigned k = 0; k < cores_; ++k) {
    if (k == core || !holders[k]) continue;
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
      return {false, now, now + machine_.memory, nullptr};
    }
    if (l.first == core) return {true, now, now, nullptr};
    share(l);
  }
  if (hit(l, core, kind, bytes)) return {true, now, now, nullptr};
  shared_line& s = *l.sharing;
  note(l, core, kind, bytes);
  const bool has_copy = s.views.holders()[core];
  if (!has_copy) s.views.ask(core);
  const legs& way = route(s, core, kind);
  // A copy that is still there when the turn comes spares the data.
  const bool keeps_copy = has_copy && (s.under_way.last_writer() == shared_line::nobody ||
                                       std::none_of(s.under_way.begin(), s.under_way.end(), [&](const transition& t) {
                                         return t.core != core && t.kind != access_kind::load;
                                       }));
  outcome out{false, 0, 0, nullptr};
  out.taken = std::max(std::max(now + way.request, s.busy) + way.probe, not_before);
  out.done = out.taken + (keeps_copy ? 0 : way.data);
  s.busy = out.done + way.acknowledge;
  transition& t = fresh_transition();
  t.when = out.taken;
  t.done = out.done;
  t.core = static_cast<std::uint16_t>(core);
  t.kind = kind;
  t.bytes = bytes;
  t.site = site;
  s.under_way.append(t);
  out.entered = &t;
  return out;
}

transition* cache_model::own(line& l, unsigned core) {
  if (l.sharing == nullptr) return nullptr;
  for (auto& t : l.sharing->under_way)
    if (t.core == core) return &t;
  return nullptr;
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
  const auto count = [&](std::uint64_t line_counts::*what, std::uint64_t n = 1) {
    if (!counting_) return;
    counts_.*what += n;
    l.counts.*what += n;
  };
  // What the owner wrote is news to all that have no copy.
  if (l.owner != shared_line::nobody && l.owner != core) {
    l.views.tell_absent(l.written);
    l.written = {};
  }
  const bool had_copy = l.views.holders()[core];
  const std::size_t others = l.views.holders().count() - had_copy;
  bool wanted = !had_copy && l.views.are_news(core, t.bytes);
  if (t.kind == access_kind::load) {
    if (had_copy) return;
    if (l.owner != shared_line::nobody && l.dirty) {
      if (machine_.protocol == coherence_protocol::moesi) {
        l.owned_by = l.owner;
      } else {
        l.dirty = false;
        count(&line_counts::write_backs);
      }
    }
    l.owner = shared_line::nobody;
  } else {
    wanted = wanted || l.views.used_by_others(core, t.bytes);
  }
  if (others != 0) {
    count(had_copy ? &line_counts::upgrades : &line_counts::line_transfers);
    if ((wanted || !l.views.others_are_vague(core)) && l.views.has_had_copy(core)) {
      count(wanted ? &line_counts::true_sharing : &line_counts::false_sharing);
      if (counting_) put_down_to_site(l, t, wanted);
    }
  }
  if (t.kind == access_kind::load) {
    l.views.share(core, t.bytes);
    if (others == 0) l.owner = static_cast<std::uint16_t>(core);
    return;
  }
  count(&line_counts::invalidations, others);
  l.views.take(core, t.bytes);
  l.owner = static_cast<std::uint16_t>(core);
  l.owned_by = shared_line::nobody;
  l.dirty = true;
  l.written = t.bytes;
}

void cache_model::reset_counts() {
  counts_ = {};
  counting_ = true;
  for (auto& one : all_) {
    if (one.sharing == nullptr) continue;
    one.sharing->counts = {};
    one.sharing->noted.clear();
    one.sharing->sites.clear();
  }
}

std::vector<const line*> cache_model::lines() const {
  std::vector<const line*> out;
  for (const auto& one : all_) out.push_back(&one);
  return out;
}

std::size_t cache_model::bytes_used() const noexcept {
  std::size_t sum =
      table_.size() * sizeof(line*) + all_.size() * sizeof(line) + transitions_.size() * sizeof(transition);
  for (const auto& one : all_)
    if (one.sharing)
      sum += sizeof(shared_line) + one.sharing->views.bytes_used() + one.sharing->noted.bytes_used() +
             one.sharing->sites.capacity() * sizeof(site_counts);
  return sum;
}

}  // namespace contend::coherence
