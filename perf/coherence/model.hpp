// SPDX-License-Identifier: MIT
// Cache lines and their directory: which access hits, what a miss takes, who loses the line, and whether the sharing
// was true or false. Pure: it knows addresses and times, no thread and no scheduler.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <iterator>
#include <memory>
#include <utility>
#include <vector>

#include "answers.hpp"
#include "core_views.hpp"
#include "line_states.hpp"
#include "line_uses.hpp"
#include "machine.hpp"

namespace contend::coherence {

/// What was counted of one line.
struct line_counts {
  std::uint64_t line_transfers = 0;  ///< a core got a line's data from another core
  std::uint64_t invalidations = 0;   ///< copies that other cores lost
  std::uint64_t upgrades = 0;        ///< a core that had a copy became the owner: no data travelled
  std::uint64_t write_backs = 0;     ///< MESI: a line that had been written was read by another core
  std::uint64_t true_sharing = 0;    ///< misses and upgrades on bytes that another core wrote, or reads
  std::uint64_t false_sharing = 0;   ///< the others: another part of the line was used by somebody else

  void add(const line_change& change) noexcept {
    line_transfers += change.transferred();
    invalidations += change.invalidated();
    upgrades += change.upgraded();
    write_backs += change.written_back();
    true_sharing += change.true_sharing();
    false_sharing += change.false_sharing();
  }
};

/// As lines keep them, there being many: two to a word, none beyond 2^31.
class small_line_counts {
 public:
  void add(const line_change& change) noexcept {
    transfers_ += change.transferred() | change.invalidated() << 32;
    upgrades_ += change.upgraded() | change.written_back() << 32;
    sharing_ += change.true_sharing() | change.false_sharing() << 32;
    if (((transfers_ | upgrades_ | sharing_) & (stop | stop << 32)) != 0) [[unlikely]]
      for (std::uint64_t* both : {&transfers_, &upgrades_, &sharing_}) {
        if ((*both & stop) != 0) *both = (*both & ~low) | stop;
        if ((*both & stop << 32) != 0) *both = (*both & low) | stop << 32;
      }
  }
  [[nodiscard]] line_counts all() const noexcept {
    return {transfers_ & low, transfers_ >> 32, upgrades_ & low, upgrades_ >> 32, sharing_ & low, sharing_ >> 32};
  }

 private:
  static constexpr std::uint64_t low = 0xffffffff;
  static constexpr std::uint64_t stop = 0x80000000;
  std::uint64_t transfers_ = 0;  // and invalidations above
  std::uint64_t upgrades_ = 0;   // and write-backs
  std::uint64_t sharing_ = 0;    // true, and false
};

/// Of all lines, over all cores.
struct event_counts : line_counts {
  std::uint64_t accesses = 0;
  std::uint64_t failed_cas = 0;
  std::uint64_t spins = 0;
  std::uint64_t parks = 0;
};

/// What one place of the program had to wait for on a line.
struct site_counts {
  const void* from = nullptr;  ///< return address of its hook; nullptr: all places beyond the first max_sites
  access_kind kind = access_kind::load;
  std::uint64_t true_sharing = 0;
  std::uint64_t false_sharing = 0;
};
inline constexpr std::size_t max_sites = 64;

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
  const known_state* state;  ///< of the model's table
  picoseconds busy = 0;      ///< until when the directory serves somebody
  transition_list under_way;
  core_access last_hit;     ///< unless something has happened to the line since: the same once more changes nothing
  bool first_alone = true;  ///< no request of a second core has taken effect yet
  // Since counting began, for the report alone; nothing that is simulated depends on it:
  small_line_counts counts;
  const known_uses* noted;
  std::vector<site_counts> sites;  ///< in the order of their first miss

  shared_line(const known_state& begin, const known_uses& none) : state(&begin), noted(&none) {}
};

/// A line that has been touched. Most are by one core alone and stay this small.
struct line {
  static constexpr std::uint16_t nobody = 0xffff;
  std::uint64_t number = 0;              ///< address ÷ line size
  std::uint32_t order = 0;               ///< in which lines were first touched: the same in every run
  std::uint16_t first = nobody;          ///< the core that touched it first
  std::unique_ptr<shared_line> sharing;  ///< once a second core has touched it
};

/// What an access came to.
struct outcome {
  bool hit = true;
  picoseconds taken = 0;          ///< when the change of state takes effect
  picoseconds done = 0;           ///< when the core has the line
  transition* entered = nullptr;  ///< at the directory; none of a hit or of a line's first touch
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
  [[nodiscard]] static bool hits_unseen(const shared_line& l, core_access what) noexcept {
    return what.kind() == access_kind::load ? l.state->views.holders()[what.core()]
                                            : l.state->owner == what.core() && l.state->dirty;
  }

  /// Brings the line to `now`: what was under way and is due has happened.
  void settle(line& l, picoseconds now) {
    if (l.sharing != nullptr && due(*l.sharing, now)) settle_due(*l.sharing, now);
  }

  /// An access in one part to a shared line, which is settled. If its core has of the line what it takes, it is made;
  /// otherwise it is for miss().
  line_use use(shared_line& l, core_access what) {
    if (l.last_hit == what) return {*l.state, true, true, false, 0};
    const line_use out = states_.use(*l.state, what);
    if (!out.hit()) return out;
    const known_uses* const before = l.noted;
    note(l, what);
    if (out.to() == l.state->number && l.noted == before) idle_.remember(question_of(l, what), before->number);
    l.state = &states_.at(out.to());
    l.last_hit = what;
    return out;
  }
  /// Its core wants the line at `now`, is told by use() that it does not have of it what it takes, and enters a request
  /// at the directory; the outcome says when it is done. Until then nobody else's request takes effect.
  /// `not_before`: the earliest time at which it may take effect (stores of a core become visible in their order).
  /// `site`: the place in the program that a miss is put down to.
  outcome miss(shared_line& l, core_access what, const line_use& use, picoseconds now, picoseconds not_before = 0,
               const void* site = nullptr);
  /// The same of a line that nobody or one core has touched: its first touch, a hit, or a miss that makes it shared.
  outcome miss(line& l, core_access what, picoseconds now, picoseconds not_before = 0, const void* site = nullptr);
  /// All of these in one: an access to a line that is settled. A hit is done at once.
  outcome request(line& l, core_access what, picoseconds now, picoseconds not_before = 0, const void* site = nullptr);
  /// What `core` has under way on the line, or nullptr.
  static transition* own(line& l, unsigned core);
  /// Notes which bytes an access in one part touches; the others do so themselves.
  void note(shared_line& l, core_access what) {
    if (counting_) l.noted = &uses_.after(*l.noted, what);
  }

  /// The states of its shared lines.
  [[nodiscard]] line_states& states() noexcept { return states_; }
  [[nodiscard]] event_counts& counts() noexcept { return counts_; }
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
  transition& fresh_transition();
  static void put_down_to_site(shared_line& l, const transition& t, bool true_sharing);
  [[nodiscard]] const legs& between(unsigned a, unsigned b) const noexcept {
    return *legs_[ways_[std::size_t{a} * cores_ + b]];
  }
  void share(line& l);
  static std::uint64_t question_of(const shared_line& l, core_access what) noexcept {
    return std::uint64_t{l.state->number} << 32 | what.word();
  }
  [[nodiscard]] bool changes_nothing(const shared_line& l, core_access what) const noexcept {
    const std::uint64_t* const known = idle_.find(question_of(l, what));
    return known != nullptr && *known == l.noted->number;
  }
  /// Forgets what no line refers to any more.
  void tidy();
  [[nodiscard]] std::size_t place_of(std::uint64_t number) const noexcept;

  const machine& machine_;
  unsigned cores_;
  unsigned shift_;
  unsigned offset_mask_;
  event_counts counts_;
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

}  // namespace contend::coherence
