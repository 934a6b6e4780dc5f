// SPDX-License-Identifier: MIT
// Cache lines and their directory: which access hits, what a miss takes, who loses the line, and whether the sharing
// was true or false. Pure: it knows addresses and times, no thread and no scheduler.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <iterator>
#include <memory>
#include <utility>
#include <vector>

#include "answers.hpp"
#include "core_views.hpp"
#include "line_counts.hpp"
#include "line_states.hpp"
#include "line_uses.hpp"
#include "machine.hpp"

namespace contend::coherence {

/// A change of a line that its directory has decided and that takes effect at `when`.
struct transition {
  picoseconds when = 0;
  picoseconds done = 0;  ///< when the core has the line
  core_access what;
  std::uint8_t size = 0;   ///< of a store that is written to memory then; 0: none is
  void* target = nullptr;  ///< where to
  std::uint64_t value = 0;
  byte_mask joined;            ///< its bytes if they are not in one part
  const void* site = nullptr;  ///< the place in the program that asked; of several stores that were joined the first
  transition* next = nullptr;  ///< of the line, or of those that are free

  [[nodiscard]] byte_mask bytes() const noexcept { return what.in_one_part() ? what.bytes() : joined; }
  [[nodiscard]] bool writes() const noexcept { return what.kind() != access_kind::load; }
};

/// What a line's directory has decided and not done yet, in order of time.
class transition_list {
 public:
  class iterator {
   public:
    using iterator_category = std::forward_iterator_tag;
    using value_type = transition;
    using difference_type = std::ptrdiff_t;
    using pointer = transition*;
    using reference = transition&;
    explicit iterator(transition* at = nullptr) noexcept : at_(at) {}
    reference operator*() const noexcept { return *at_; }
    pointer operator->() const noexcept { return at_; }
    iterator& operator++() noexcept {
      at_ = at_->next;
      return *this;
    }
    iterator operator++(int) noexcept { return iterator(std::exchange(at_, at_->next)); }
    bool operator==(const iterator&) const = default;

   private:
    transition* at_;
  };
  [[nodiscard]] bool empty() const noexcept { return first_ == nullptr; }
  [[nodiscard]] transition& front() const noexcept { return *first_; }
  [[nodiscard]] transition& back() const noexcept { return *last_; }
  [[nodiscard]] iterator begin() const noexcept { return iterator(first_); }
  [[nodiscard]] iterator end() const noexcept { return iterator(); }
  /// Who writes last of those that are under way, or nobody.
  [[nodiscard]] std::uint16_t last_writer() const noexcept { return writers_ != 0 ? last_writer_ : nobody; }

  void append(transition& fresh) noexcept {
    (first_ == nullptr ? first_ : last_->next) = &fresh;
    last_ = &fresh;
    if (!fresh.writes()) return;
    ++writers_;
    last_writer_ = static_cast<std::uint16_t>(fresh.what.core());
  }
  transition& take_first() noexcept {
    transition& taken = *std::exchange(first_, first_->next);
    writers_ -= taken.writes();
    taken.next = nullptr;
    return taken;
  }
  static constexpr std::uint16_t nobody = 0xffff;

 private:
  transition* first_ = nullptr;
  transition* last_ = nullptr;
  std::uint16_t writers_ = 0;  // at most one of each core
  std::uint16_t last_writer_ = nobody;
};

/// A line that more than one core has touched.
struct shared_line {
  std::uint32_t state;   ///< its number in the model's table
  picoseconds busy = 0;  ///< until when the directory serves somebody
  transition_list under_way;
  core_access last_hit;     ///< unless something has happened to the line since: the same once more changes nothing
  bool first_alone = true;  ///< no request of a second core has taken effect yet
  // Since counting began, for the report alone; nothing that is simulated depends on it:
  small_line_counts counts;
  std::uint32_t noted;             ///< the number of which bytes each core used
  std::vector<site_counts> sites;  ///< in the order of their first miss

  shared_line(std::uint32_t begin, std::uint32_t none) : state(begin), noted(none) {}
};

/// A line that has been touched. Most are by one core alone and stay this small.
struct line {
  static constexpr std::uint16_t nobody = 0xffff;
  std::uint64_t number = 0;              ///< address ÷ line size
  std::uint32_t order = 0;               ///< in which lines were first touched: the same in every run
  std::uint16_t first = nobody;          ///< the core that touched it first
  std::unique_ptr<shared_line> sharing;  ///< once a second core has touched it
};

/// The lines of a machine's memory.
class cache_model {
 public:
  /// `cores`: how many take part, at most `slots`.
  cache_model(const machine& m, unsigned cores);

  /// The line that holds an address; made at the first touch.
  line& find(std::uint64_t address);
  /// Likewise, or nullptr: nobody has touched it.
  [[nodiscard]] line* known(std::uint64_t address) noexcept;
  [[nodiscard]] std::uint64_t number_of(std::uint64_t address) const noexcept { return address >> shift_; }
  [[nodiscard]] unsigned offset_of(std::uint64_t address) const noexcept {
    return static_cast<unsigned>(address) & offset_mask_;
  }
  /// An access of so many bytes, all in one line.
  [[nodiscard]] core_access access_of(unsigned core, access_kind kind, std::uint64_t address,
                                      unsigned size) const noexcept {
    return {core, kind, offset_of(address), size};
  }

  /// True if at `now` no other core has had the line since `core` touched it first: then nobody can see when it does
  /// what. That another one has asked for it does not matter until it gets it.
  [[nodiscard]] static bool is_private(const line& l, unsigned core, picoseconds now) noexcept {
    if (l.first != core) return false;
    if (l.sharing == nullptr) return true;
    return l.sharing->first_alone && !due(*l.sharing, now);
  }
  /// Whether an access is to a line of the core's own, or the same as the last one to the line, with nothing in
  /// between, or as one that changed nothing of a line in the same state, used alike: then it leaves everything as it
  /// is.
  [[nodiscard]] bool hits_again(const line& l, core_access what, picoseconds now) const noexcept {
    const shared_line* const s = l.sharing.get();
    if (s == nullptr) return l.first == what.core();
    return (s->last_hit == what || changes_nothing(*s, what)) && !due(*s, now);
  }
  /// Whether something that is under way on a line has taken effect by `now`.
  [[nodiscard]] static bool due(const shared_line& l, picoseconds now) noexcept {
    return !l.under_way.empty() && l.under_way.front().when <= now;
  }
  /// True if a core has of a shared line, on which nothing is due, what it takes, and no other core's request could
  /// find out in which order it and the access came: the access would be a hit that leaves the line's state as it is.
  [[nodiscard]] bool hits_unseen(const shared_line& l, core_access what) const noexcept {
    const line_state& state = state_of(l);
    return what.kind() == access_kind::load ? state.views.holders()[what.core()]
                                            : state.owner == what.core() && state.dirty;
  }

  /// Brings the line to `now`: what was under way and is due has happened.
  void settle(line& l, picoseconds now) {
    if (l.sharing != nullptr && due(*l.sharing, now)) settle_due(*l.sharing, now);
  }

  /// An access in one part to a shared line, which is settled. If its core has of the line what it takes, it is made;
  /// otherwise it is for enter().
  line_use use(shared_line& l, core_access what) {
    if (l.last_hit == what) return {l.state, true, true, false, 0};
    const line_use out = states_.use(l.state, what);
    if (!out.hit()) return out;
    const std::uint32_t before = l.noted;
    note(l, what);
    if (out.to() == l.state && l.noted == before) idle_.remember(question_of(l, what), before);
    l.state = out.to();
    l.last_hit = what;
    return out;
  }
  /// A core comes to a line that no other one has touched, or one alone, which then is shared. True: it is the first.
  bool touch_first(line& l, unsigned core) {
    if (l.first == line::nobody) {
      l.first = static_cast<std::uint16_t>(core);
      return true;
    }
    share(l);
    return false;
  }
  /// Its core wants the line at `now`, is told by use() that it does not have of it what it takes, and enters a request
  /// at the directory; what is returned says when it is done. Until then nobody else's request takes effect.
  /// `not_before`: the earliest time at which it may take effect (stores of a core become visible in their order).
  /// `site`: the place in the program that a miss is put down to.
  transition& enter(shared_line& l, core_access what, const line_use& use, picoseconds now, legs_variation varied,
                    picoseconds not_before, const void* site);
  /// What `core` has under way on the line, or nullptr.
  static transition* own(line& l, unsigned core) {
    if (l.sharing != nullptr)
      for (transition& t : l.sharing->under_way)
        if (t.what.core() == core) return &t;
    return nullptr;
  }
  /// Notes which bytes an access in one part touches; the others do so themselves.
  void note(shared_line& l, core_access what) {
    if (counting_) l.noted = uses_.after(l.noted, what);
  }

  [[nodiscard]] const line_state& state_of(const shared_line& l) const noexcept { return states_.at(l.state); }
  /// Which bytes of it were used since counting began.
  [[nodiscard]] const core_uses& noted_of(const shared_line& l) const noexcept { return uses_.at(l.noted); }
  /// The states of its shared lines.
  [[nodiscard]] line_states& states() noexcept { return states_; }
  /// What threads do; whoever does it counts it here.
  [[nodiscard]] deed_counts& deeds() noexcept { return deeds_; }
  [[nodiscard]] event_counts counts() const noexcept { return {changes_.all(), deeds_}; }
  /// All lines are brought to `now`: what was counted by then is what happened by then, whoever looked at which line.
  void settle_all(picoseconds now);
  /// Counting starts again from zero, for all lines. What is due is counted afterwards: settle_all() before.
  void reset_counts();
  /// What happens from now on to lines is not counted or noted, until reset_counts(): transfers, invalidations,
  /// upgrades, sharing, places and bytes stay as they are, while threads come to an end.
  void stop_counting() noexcept { counting_ = false; }
  /// All lines, in the order of their first touch.
  [[nodiscard]] std::vector<const line*> lines() const;
  [[nodiscard]] unsigned line_size() const noexcept { return offset_mask_ + 1; }
  [[nodiscard]] std::size_t bytes_used() const noexcept;

 private:
  void settle_due(shared_line& l, picoseconds now);
  void apply(shared_line& l, const transition& t);
  transition& fresh_transition() {
    if (free_ == nullptr) return transitions_.emplace_back();
    return *std::exchange(free_, free_->next);
  }
  static void put_down_to_site(shared_line& l, const transition& t, bool true_sharing);
  [[nodiscard]] const legs& between(unsigned a, unsigned b) const noexcept {
    return *legs_[ways_[std::size_t{a} * cores_ + b]];
  }
  void share(line& l);
  static std::uint64_t question_of(const shared_line& l, core_access what) noexcept {
    return std::uint64_t{l.state} << 32 | what.word();
  }
  [[nodiscard]] bool changes_nothing(const shared_line& l, core_access what) const noexcept {
    const std::uint64_t* const known = idle_.find(question_of(l, what));
    return known != nullptr && *known == l.noted;
  }
  /// Forgets what no line refers to any more.
  void tidy();
  [[nodiscard]] std::size_t place_of(std::uint64_t number) const noexcept;

  const machine& machine_;
  unsigned cores_;
  unsigned shift_;
  unsigned offset_mask_;
  deed_counts deeds_;
  change_counts changes_;
  bool counting_ = true;
  std::vector<std::uint32_t> table_;  // open addressing, a power of two; order + 1, or 0
  std::deque<line> all_;
  line_states states_;
  line_uses uses_;
  answers idle_{512};               // accesses that changed nothing of lines in a state, and how such lines were used
  const legs* legs_[3];             // of the machine
  std::vector<std::uint8_t> ways_;  // which of them are between two cores: machine::between(), which divides
  std::deque<transition> transitions_;
  transition* free_ = nullptr;
};

inline transition& cache_model::enter(shared_line& l, core_access what, const line_use& use, picoseconds now,
                                      legs_variation varied, picoseconds not_before, const void* site) {
  note(l, what);
  l.state = use.to();
  l.last_hit = {};
  const transition_list& before = l.under_way;
  const std::uint16_t writer = before.last_writer();
  // Whoever is served before this request has the line when its turn comes; on MOESI who wrote it serves readers.
  unsigned other = use.other();
  if (writer != line_state::nobody && what.kind() == access_kind::load &&
      machine_.protocol == coherence_protocol::moesi)
    other = writer;
  else if (!before.empty() && !use.served())
    other = before.back().what.core();
  // A copy that is still there when the turn comes spares the data.
  const bool keeps_copy = use.has_copy() && (writer == line_state::nobody ||
                                             std::none_of(before.begin(), before.end(), [&](const transition& t) {
                                               return t.what.core() != what.core() && t.writes();
                                             }));
  const legs& way = between(what.core(), other);
  transition& t = fresh_transition();
  t.when = std::max(std::max(now + varied.request(way.request), l.busy) + way.probe, not_before);
  t.done = t.when + (keeps_copy ? 0 : way.data);
  t.what = what;
  t.size = 0;
  t.site = site;
  t.next = nullptr;
  l.busy = t.done + varied.acknowledge(way.acknowledge);
  l.under_way.append(t);
  if (states_.crowded() || uses_.crowded()) tidy();
  return t;
}

}  // namespace contend::coherence
