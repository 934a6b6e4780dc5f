// SPDX-License-Identifier: MIT
// See line_states.hpp.
#include "line_states.hpp"

namespace contend::coherence {

std::uint64_t line_state::hash() const noexcept {
  std::uint64_t sum = views.hash();
  sum = hash_step(sum, std::uint64_t{owner} << 32 | std::uint64_t{owned_by} << 8 | (dirty ? 1U : 0U));
  sum = hash_step(sum, written.low);
  return hash_step(sum, written.high);
}

line_states::line_states(const machine& m, unsigned cores) : machine_(m), cores_(cores) {}

const known_state& line_states::of_second_user(unsigned first) {
  line_state fresh;
  fresh.views = core_views(first);
  fresh.owner = static_cast<std::uint16_t>(first);
  fresh.dirty = true;  // whether its first user ever wrote it was not noted; memory is mostly written first
  return intern(fresh);
}

line_use line_states::work_out_use(const known_state& from, core_access what) {
  const unsigned core = what.core();
  const bool load = what.kind() == access_kind::load;
  const bool has_copy = from.views.holders()[core];
  if (load ? !has_copy : from.owner != core) {
    if (has_copy || from.views.has_asked(core)) return missed(from, what, from.number);
    line_state to = from;
    to.views.ask(core);
    return missed(from, what, intern(to).number);
  }
  const byte_mask bytes = what.bytes();
  const bool written = load || (from.dirty && from.written.covers(bytes));
  if (written && from.views.has_used(core, bytes)) return {from.number, true, has_copy, false, core};
  line_state to = from;
  to.views.use(core, bytes);
  if (!load) {
    to.written |= bytes;
    to.dirty = true;
  }
  return {intern(to).number, true, has_copy, false, core};
}

line_use line_states::missed(const known_state& from, core_access what, std::uint32_t to) const {
  const unsigned core = what.core();
  const bool load = what.kind() == access_kind::load;
  const bool has_copy = from.views.holders()[core];
  const std::uint16_t owner = from.owner != line_state::nobody ? from.owner : from.owned_by;
  const bool served =
      load && machine_.protocol == coherence_protocol::moesi && from.dirty && owner != line_state::nobody;
  if (served || from.owner != line_state::nobody) return {to, false, has_copy, served, owner};
  const auto way = [&](unsigned k) {
    const legs& whole = machine_.between(core, k);
    return whole.request + whole.probe + whole.data;
  };
  unsigned other = core;
  for (unsigned k = 0; k < cores_; ++k) {
    if (k == core || !from.views.holders()[k]) continue;
    // A read comes from the nearest copy, a write has to reach the farthest.
    if (other == core || load == (way(k) < way(other))) other = k;
  }
  return {to, false, has_copy, served, other};
}

line_change line_states::work_out(const known_state& from, core_access what, const byte_mask& bytes) {
  using sharing = line_change::sharing;
  const unsigned core = what.core();
  line_state to = from;
  // What the owner wrote is news to all that have no copy.
  if (to.owner != line_state::nobody && to.owner != core) {
    to.views.tell_absent(to.written);
    to.written = {};
  }
  const bool load = what.kind() == access_kind::load;
  const bool had_copy = to.views.holders()[core];
  const auto others = static_cast<unsigned>(to.views.holders().count() - had_copy);
  const bool wanted = (!had_copy && to.views.are_news(core, bytes)) || (!load && to.views.used_by_others(core, bytes));
  if (load && had_copy) return {intern(to).number, false, false, false, sharing::none, 0};
  sharing because = sharing::none;
  if (others != 0 && (wanted || !to.views.others_are_vague(core)) && to.views.has_had_copy(core))
    because = wanted ? sharing::with_true : sharing::with_false;
  bool written_back = false;
  if (load) {
    if (to.owner != line_state::nobody && to.dirty) {
      if (machine_.protocol == coherence_protocol::moesi) {
        to.owned_by = to.owner;
      } else {
        to.dirty = false;
        written_back = true;
      }
    }
    to.owner = others == 0 ? static_cast<std::uint16_t>(core) : line_state::nobody;
    to.views.share(core, bytes);
  } else {
    to.views.take(core, bytes);
    to.owner = static_cast<std::uint16_t>(core);
    to.owned_by = line_state::nobody;
    to.dirty = true;
    to.written = bytes;
  }
  return {intern(to).number, others != 0 && !had_copy, others != 0 && had_copy, written_back,
          because,           load ? 0 : others};
}

void line_states::forget_unmarked(std::size_t spare) {
  states_.forget_unmarked(spare);
  answers_.forget_all();  // they name states that are no more
}

}  // namespace contend::coherence
