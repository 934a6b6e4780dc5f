// SPDX-License-Identifier: MIT
// See line_states.hpp.
#include "line_states.hpp"

#include <algorithm>

namespace contend::coherence {
namespace {

constexpr std::size_t least_answers = 256;
constexpr std::size_t most_answers = 4096;

std::uint64_t mixed(std::uint64_t a, std::uint64_t b) noexcept {
  return ((a << 23 | a >> 41) ^ b) * 0x9E3779B97F4A7C15U;
}

/// A question in a word, never 0: there are at most 256 cores and 128 bytes in a line.
enum class about : std::uint8_t { granted = 1, used, asked };
std::uint64_t word_of(about what, std::uint32_t state, unsigned core, access_kind kind, line_part part) noexcept {
  return std::uint64_t{state} << 32 | std::uint64_t{core} << 24 | std::uint64_t{part.offset} << 16 |
         std::uint64_t{part.size} << 8 | std::uint64_t{static_cast<std::uint8_t>(kind)} << 2 |
         static_cast<std::uint8_t>(what);
}

std::size_t place_in(std::size_t size, std::uint64_t question) noexcept {
  return (question * 0x9E3779B97F4A7C15U >> 40) & (size - 1);
}

line_change change_to(const known_state& to) noexcept {
  line_change out;
  out.to = &to;
  return out;
}

std::uint64_t packed(const line_change& c) noexcept {
  return std::uint64_t{c.to->number} << 32 | std::uint64_t{c.invalidated} << 8 |
         std::uint64_t{static_cast<std::uint8_t>(c.because)} << 3 | (c.transferred ? 1U : 0U) | (c.upgraded ? 2U : 0U) |
         (c.written_back ? 4U : 0U);
}

}  // namespace

std::uint64_t line_state::hash() const noexcept {
  std::uint64_t sum = views.hash();
  sum = mixed(sum, std::uint64_t{owner} << 32 | std::uint64_t{owned_by} << 8 | (dirty ? 1U : 0U));
  sum = mixed(sum, written.low);
  return mixed(sum, written.high);
}

line_states::line_states(coherence_protocol protocol) : protocol_(protocol), answers_(least_answers) {}

const known_state& line_states::of_second_user(unsigned first) {
  line_state fresh;
  fresh.views = core_views(first);
  fresh.owner = static_cast<std::uint16_t>(first);
  fresh.dirty = true;  // whether its first user ever wrote it was not noted; memory is mostly written first
  return intern(fresh);
}

const known_state& line_states::asked(const known_state& from, unsigned core) {
  const std::uint64_t question = word_of(about::asked, from.number, core, access_kind::load, {});
  if (const answer* known = answered(question)) return *unpacked(known->change).to;
  const known_state* to = &from;
  if (!from.views.has_asked(core)) {
    line_state changed = from;
    changed.views.ask(core);
    to = &intern(changed);
  }
  return *remember(question, change_to(*to)).to;
}

const known_state& line_states::used(const known_state& from, unsigned core, access_kind kind, line_part part) {
  const byte_mask bytes = part.mask();
  const bool written = kind == access_kind::load || (from.dirty && from.written.covers(bytes));
  if (written && from.views.has_used(core, bytes)) return from;
  const std::uint64_t question = word_of(about::used, from.number, core, kind, part);
  if (const answer* known = answered(question)) return *unpacked(known->change).to;
  line_state to = from;
  to.views.use(core, bytes);
  if (kind != access_kind::load) {
    to.written |= bytes;
    to.dirty = true;
  }
  return *remember(question, change_to(intern(to))).to;
}

line_change line_states::granted(const known_state& from, unsigned core, access_kind kind, line_part part,
                                 const byte_mask& bytes) {
  if (part.size == 0) return work_out(from, core, kind, bytes);
  const std::uint64_t question = word_of(about::granted, from.number, core, kind, part);
  if (const answer* known = answered(question)) return unpacked(known->change);
  return remember(question, work_out(from, core, kind, bytes));
}

const line_states::answer* line_states::answered(std::uint64_t question) const noexcept {
  const answer& one = answers_[place_in(answers_.size(), question)];
  return one.question == question ? &one : nullptr;
}

line_change line_states::remember(std::uint64_t question, const line_change& change) {
  if (displaced_ > answers_.size() && answers_.size() < most_answers) {
    answers_.assign(2 * answers_.size(), {});
    displaced_ = 0;
  }
  answer& place = answers_[place_in(answers_.size(), question)];
  displaced_ += place.question != 0;
  place = {question, packed(change)};
  return change;
}

line_change line_states::work_out(const known_state& from, unsigned core, access_kind kind, const byte_mask& bytes) {
  line_state to = from;
  line_change out;
  // What the owner wrote is news to all that have no copy.
  if (to.owner != line_state::nobody && to.owner != core) {
    to.views.tell_absent(to.written);
    to.written = {};
  }
  const bool load = kind == access_kind::load;
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
      if (protocol_ == coherence_protocol::moesi) {
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

line_change line_states::unpacked(std::uint64_t word) const noexcept {
  line_change out;
  out.to = &states_.at(static_cast<std::uint32_t>(word >> 32));
  out.invalidated = static_cast<std::uint8_t>(word >> 8);
  out.because = static_cast<line_change::sharing>(word >> 3 & 3);
  out.transferred = (word & 1) != 0;
  out.upgraded = (word & 2) != 0;
  out.written_back = (word & 4) != 0;
  return out;
}

void line_states::forget_unmarked(std::size_t spare) {
  states_.forget_unmarked(spare);
  std::fill(answers_.begin(), answers_.end(), answer{});  // they name states that are no more
}

std::size_t line_states::bytes_used() const noexcept {
  return states_.bytes_used() + answers_.capacity() * sizeof(answer);
}

}  // namespace contend::coherence
