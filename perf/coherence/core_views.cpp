// SPDX-License-Identifier: MIT
// See core_views.hpp.
#include "core_views.hpp"

#include <array>
#include <bit>
#include <initializer_list>
#include <utility>

#include "shared_values.hpp"

namespace contend::coherence {
namespace {

/// The group that a core is in, or the end.
template <class Groups>
auto group_of(Groups& groups, unsigned core) {
  return std::find_if(groups.begin(), groups.end(), [&](const auto& g) { return g.who[core]; });
}

template <class Groups>
void drop(Groups& groups, typename Groups::iterator which) {
  *which = groups.back();
  groups.pop_back();
}

std::uint64_t mixed(std::uint64_t sum, std::initializer_list<std::uint64_t> more) noexcept {
  for (const std::uint64_t one : more) sum = hash_step(sum, one);
  return sum;
}

std::uint64_t mixed(std::uint64_t sum, const core_set& who) noexcept {
  const auto words = std::bit_cast<std::array<std::uint64_t, sizeof(core_set) / 8>>(who);
  for (const std::uint64_t one : words) sum = mixed(sum, {one});
  return sum;
}

}  // namespace

core_views::core_views(unsigned first) : vague_(static_cast<std::uint16_t>(first)) {
  holders_.set(first);
  groups_.push_back({{}, holders_, state::has_copy});
}

void core_views::add(const core_set& who, state what, const byte_mask& bytes) {
  for (auto& g : groups_)
    if (g.what == what && g.bytes == bytes) {
      g.who |= who;
      return;
    }
  groups_.push_back({bytes, who, what});
}

void core_views::add(unsigned core, state what, const byte_mask& bytes) {
  core_set who;
  who.set(core);
  add(who, what, bytes);
}

void core_views::remove(unsigned core) {
  const auto in = group_of(groups_, core);
  if (in == groups_.end()) return;
  in->who.reset(core);
  if (in->who.none()) drop(groups_, in);
}

const core_views::group* core_views::find(unsigned core) const {
  const auto in = group_of(groups_, core);
  return in != groups_.end() ? &*in : nullptr;
}

void core_views::ask(unsigned core) {
  if (find(core) == nullptr) add(core, state::never_had, {});
}

void core_views::use(unsigned core, const byte_mask& bytes) {
  const auto in = group_of(groups_, core);
  if (in == groups_.end() || in->bytes.covers(bytes)) return;
  byte_mask all = in->bytes;
  all |= bytes;
  in->who.reset(core);
  if (in->who.none()) drop(groups_, in);
  add(core, state::has_copy, all);
}

void core_views::merge_equal() {
  for (std::size_t i = 0; i < groups_.size(); ++i)
    for (std::size_t k = i + 1; k < groups_.size();)
      if (groups_[k].what == groups_[i].what && groups_[k].bytes == groups_[i].bytes) {
        groups_[i].who |= groups_[k].who;
        drop(groups_, groups_.begin() + static_cast<std::ptrdiff_t>(k));
      } else {
        ++k;
      }
}

void core_views::tell_absent(const byte_mask& written) {
  bool changed = false;
  for (auto& g : groups_) {
    if (g.what == state::has_copy || g.bytes.covers(written)) continue;
    g.bytes |= written;
    changed = true;
  }
  if (changed) merge_equal();
}

void core_views::share(unsigned core, const byte_mask& bytes) {
  remove(core);
  add(core, state::has_copy, bytes);
  holders_.set(core);
  if (vague_ == core) vague_ = no_core;
}

void core_views::take(unsigned core, const byte_mask& bytes) {
  byte_mask used = bytes;
  if (const group* mine = find(core); mine != nullptr && mine->what == state::has_copy) used |= mine->bytes;
  remove(core);
  for (std::size_t i = 0; i < groups_.size();)
    if (groups_[i].what == state::has_copy)
      drop(groups_, groups_.begin() + static_cast<std::ptrdiff_t>(i));
    else
      ++i;
  holders_.reset(core);
  if (holders_.any()) add(holders_, state::lost_copy, {});
  add(core, state::has_copy, used);
  holders_.reset();
  holders_.set(core);
  vague_ = no_core;
}

bool core_views::has_had_copy(unsigned core) const {
  const group* const in = find(core);
  return in != nullptr && in->what != state::never_had;
}

bool core_views::are_news(unsigned core, const byte_mask& bytes) const {
  const group* const in = find(core);
  return in != nullptr && in->what != state::has_copy && in->bytes.meets(bytes);
}

bool core_views::used_by_others(unsigned core, const byte_mask& bytes) const {
  return std::any_of(groups_.begin(), groups_.end(), [&](const group& g) {
    return g.what == state::has_copy && g.bytes.meets(bytes) && (!g.who[core] || g.who.count() > 1);
  });
}

void core_uses::add(unsigned core, const byte_use& what) {
  const auto in = group_of(groups_, core);
  byte_use all = what;
  if (in != groups_.end()) {
    if (in->what.covers(what)) return;
    all.read |= in->what.read;
    all.wrote |= in->what.wrote;
    in->who.reset(core);
    if (in->who.none()) drop(groups_, in);
  }
  for (auto& g : groups_)
    if (g.what == all) {
      g.who.set(core);
      return;
    }
  groups_.push_back({all, {}});
  groups_.back().who.set(core);
}

std::uint64_t core_views::hash() const noexcept {
  std::uint64_t sum = vague_;
  for (const auto& g : groups_)
    sum = mixed(mixed(sum, {g.bytes.low, g.bytes.high, static_cast<std::uint64_t>(g.what)}), g.who);
  return sum;
}

std::uint64_t core_uses::hash() const noexcept {
  std::uint64_t sum = groups_.size();
  for (const auto& g : groups_)
    sum = mixed(mixed(sum, {g.what.read.low, g.what.read.high, g.what.wrote.low, g.what.wrote.high}), g.who);
  return sum;
}

byte_use core_uses::of(unsigned core) const {
  const auto in = group_of(groups_, core);
  return in != groups_.end() ? in->what : byte_use{};
}

}  // namespace contend::coherence
