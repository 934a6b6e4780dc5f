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
    : machine_(m),
      cores_(cores),
      shift_(static_cast<unsigned>(std::countr_zero(m.line_size))),
      offset_mask_(m.line_size - 1),
      table_(1U << 12),
      states_(m, cores),
      legs_{&m.near, &m.far, &m.remote} {
  for (unsigned a = 0; a < cores; ++a)
    for (unsigned b = 0; b < cores; ++b)
      ways_.push_back(static_cast<std::uint8_t>(std::find(legs_, legs_ + 3, &m.between(a, b)) - legs_));
}

std::size_t cache_model::place_of(std::uint64_t number) const noexcept {
  const std::size_t mask = table_.size() - 1;
  std::size_t at = (number * 0x9E3779B97F4A7C15U >> 20) & mask;
  while (table_[at] != 0 && all_[table_[at] - 1].number != number) at = (at + 1) & mask;
  return at;
}

line* cache_model::known(std::uint64_t address) noexcept {
  const std::uint32_t one = table_[place_of(number_of(address))];
  return one != 0 ? &all_[one - 1] : nullptr;
}

line& cache_model::find(std::uint64_t address) {
  if (line* const one = known(address)) return *one;
  if (all_.size() * 2 >= table_.size()) {
    table_.assign(table_.size() * 2, 0);
    for (const auto& one : all_) table_[place_of(one.number)] = one.order + 1;
  }
  line& fresh = all_.emplace_back();
  fresh.number = number_of(address);
  fresh.order = static_cast<std::uint32_t>(all_.size() - 1);
  table_[place_of(fresh.number)] = fresh.order + 1;
  return fresh;
}

void cache_model::share(line& l) {
  l.sharing = std::make_unique<shared_line>(states_.of_second_user(l.first).number, uses_.none());
}

void cache_model::tidy() {
  states_.clear_marks();
  uses_.clear_marks();
  for (const auto& one : all_)
    if (one.sharing != nullptr) {
      states_.mark(one.sharing->state);
      uses_.mark(one.sharing->noted);
    }
  // So many may come again that looking through all lines is spread over enough of them, and they over enough lines.
  const std::size_t spare = all_.size() / 16;
  states_.forget_unmarked(spare);
  uses_.forget_unmarked(spare);
  idle_.forget_all();
}

inline void cache_model::put_down_to_site(shared_line& l, const transition& t, bool true_sharing) {
  const access_kind kind = t.what.kind();
  site_counts* place = nullptr;
  for (auto& one : l.sites)
    if (one.from == t.site && one.kind == kind) {
      place = &one;
      break;
    }
  if (place == nullptr) {
    const bool full = l.sites.size() >= max_sites;
    if (!full || l.sites.back().from != nullptr) l.sites.push_back({full ? nullptr : t.site, kind, 0, 0});
    place = &l.sites.back();
  }
  ++(true_sharing ? place->true_sharing : place->false_sharing);
}

inline void cache_model::apply(shared_line& l, const transition& t) {
  l.first_alone = false;
  if (t.size != 0) write_value(t.target, t.size, t.value);
  const line_change change = states_.granted(l.state, t.what, t.joined);
  l.state = change.to();
  l.last_hit = {};
  if (!counting_) return;
  changes_.add(change);
  l.counts.add(change);
  if (change.true_sharing() != 0 || change.false_sharing() != 0) put_down_to_site(l, t, change.true_sharing() != 0);
}

void cache_model::settle_due(shared_line& l, picoseconds now) {
  while (!l.under_way.empty() && l.under_way.front().when <= now) {
    transition& due = l.under_way.take_first();
    apply(l, due);
    due.next = std::exchange(free_, &due);
  }
}

void cache_model::settle_all(picoseconds now) {
  for (auto& one : all_) settle(one, now);
}

void cache_model::reset_counts() {
  deeds_ = {};
  changes_ = {};
  counting_ = true;
  idle_.forget_all();  // some of it was not noted before, and so seemed to change nothing
  for (auto& one : all_) {
    if (one.sharing == nullptr) continue;
    one.sharing->counts = {};
    one.sharing->noted = uses_.none();
    one.sharing->last_hit = {};
    one.sharing->sites.clear();
  }
}

std::vector<const line*> cache_model::lines() const {
  std::vector<const line*> out;
  for (const auto& one : all_) out.push_back(&one);
  return out;
}

std::size_t cache_model::bytes_used() const noexcept {
  std::size_t sum = table_.size() * sizeof(table_[0]) + all_.size() * sizeof(line) +
                    transitions_.size() * sizeof(transition) + idle_.bytes_used() + states_.bytes_used() +
                    uses_.bytes_used();
  for (const auto& one : all_)
    if (one.sharing) sum += sizeof(shared_line) + one.sharing->sites.capacity() * sizeof(site_counts);
  return sum;
}

}  // namespace contend::coherence
