// SPDX-License-Identifier: MIT
// See line_states.hpp.
#include "line_states.hpp"

namespace contend::coherence {
namespace {

std::uint64_t mixed(std::uint64_t a, std::uint64_t b) noexcept {
  return ((a << 23 | a >> 41) ^ b) * 0x9E3779B97F4A7C15U;
}

}  // namespace

std::uint64_t line_state::hash() const noexcept {
  std::uint64_t sum = views.hash();
  sum = mixed(sum, std::uint64_t{owner} << 32 | std::uint64_t{owned_by} << 8 | (dirty ? 1U : 0U));
  sum = mixed(sum, written.low);
  return mixed(sum, written.high);
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
  line_use out;
  out.to = &from;
  out.has_copy = from.views.holders()[core];
  out.hit = load ? out.has_copy : from.owner == core;
  if (!out.hit) {
    find_server(from, what, out);
    if (out.has_copy || from.views.has_asked(core)) return out;
    line_state to = from;
    to.views.ask(core);
    out.to = &intern(to);
    return out;
  }
  const byte_mask bytes = what.bytes();
  if (from.views.has_used(core, bytes) && (load || (from.dirty && from.written.covers(bytes)))) return out;
  line_state to = from;
  to.views.use(core, bytes);
  if (!load) {
    to.written |= bytes;
    to.dirty = true;
  }
  out.to = &intern(to);
  return out;
}

void line_states::find_server(const line_state& from, core_access what, line_use& out) const {
  const unsigned core = what.core();
  const bool load = what.kind() == access_kind::load;
  const std::uint16_t owner = from.owner != line_state::nobody ? from.owner : from.owned_by;
  out.served = load && machine_.protocol == coherence_protocol::moesi && from.dirty && owner != line_state::nobody;
  out.other = static_cast<std::uint8_t>(core);
  if (out.served || from.owner != line_state::nobody) {
    out.other = static_cast<std::uint8_t>(owner);
    return;
  }
  const auto way = [&](unsigned k) {
    const legs& whole = machine_.between(core, k);
    return whole.request + whole.probe + whole.data;
  };
  for (unsigned k = 0; k < cores_; ++k) {
    if (k == core || !from.views.holders()[k]) continue;
    // A read comes from the nearest copy, a write has to reach the farthest.
    if (out.other == core || load == (way(k) < way(out.other))) out.other = static_cast<std::uint8_t>(k);
  }
}

line_use line_states::remember(std::uint64_t question, const line_use& use) {
  answers_.remember(question, std::uint64_t{use.to->number} << 32 | std::uint64_t{use.other} << 8 |
                                  (use.hit ? 1U : 0U) | (use.has_copy ? 2U : 0U) | (use.served ? 4U : 0U));
  return use;
}

line_change line_states::remember(std::uint64_t question, const line_change& change) {
  answers_.remember(question, std::uint64_t{change.to->number} << 32 | std::uint64_t{change.invalidated} << 8 |
                                  std::uint64_t{static_cast<std::uint8_t>(change.because)} << 3 |
                                  (change.transferred ? 1U : 0U) | (change.upgraded ? 2U : 0U) |
                                  (change.written_back ? 4U : 0U));
  return change;
}

line_change line_states::work_out(const known_state& from, core_access what, const byte_mask& bytes) {
  const unsigned core = what.core();
  line_state to = from;
  line_change out;
  // What the owner wrote is news to all that have no copy.
  if (to.owner != line_state::nobody && to.owner != core) {
    to.views.tell_absent(to.written);
    to.written = {};
  }
  const bool load = what.kind() == access_kind::load;
  const bool had_copy = to.views.holders()[core];
  const std::size_t others = to.views.holders().count() - had_copy;
  const bool wanted = (!had_copy && to.views.are_news(core, bytes)) || (!load && to.views.used_by_others(core, bytes));
  if (load && had_copy) {
    out.to = &intern(to);
    return out;
  }
  if (others != 0) {
    (had_copy ? out.upgraded : out.transferred) = true;
    if ((wanted || !to.views.others_are_vague(core)) && to.views.has_had_copy(core))
      out.because = wanted ? line_change::sharing::with_true : line_change::sharing::with_false;
  }
  if (load) {
    if (to.owner != line_state::nobody && to.dirty) {
      if (machine_.protocol == coherence_protocol::moesi) {
        to.owned_by = to.owner;
      } else {
        to.dirty = false;
        out.written_back = true;
      }
    }
    to.owner = others == 0 ? static_cast<std::uint16_t>(core) : line_state::nobody;
    to.views.share(core, bytes);
  } else {
    out.invalidated = static_cast<std::uint8_t>(others);
    to.views.take(core, bytes);
    to.owner = static_cast<std::uint16_t>(core);
    to.owned_by = line_state::nobody;
    to.dirty = true;
    to.written = bytes;
  }
  out.to = &intern(to);
  return out;
}

void line_states::forget_unmarked(std::size_t spare) {
  states_.forget_unmarked(spare);
  answers_.forget_all();  // they name states that are no more
}

}  // namespace contend::coherence
