// SPDX-License-Identifier: MIT
// Cache lines and their directory: which access hits, what a miss takes, who loses the line, and whether the sharing
// was true or false. Pure: it knows addresses and times, no thread and no scheduler.
#pragma once

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "machine.hpp"

namespace contend::coherence {

enum class access_kind : std::uint8_t { load, store, rmw };

/// Cores of the model: those of the machine, and one for whoever starts and stops the others.
inline constexpr unsigned slots = max_cores + 1;

/// Which bytes of a line: bit i is byte i. Wide enough for lines of 128 bytes.
struct byte_mask {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  static byte_mask of(unsigned offset, unsigned size) noexcept;
  [[nodiscard]] bool meets(const byte_mask& other) const noexcept {
    return ((low & other.low) | (high & other.high)) != 0;
  }
  byte_mask& operator|=(const byte_mask& other) noexcept {
    low |= other.low;
    high |= other.high;
    return *this;
  }
};

/// What was counted, over all cores.
struct event_counts {
  std::uint64_t accesses = 0;
  std::uint64_t line_transfers = 0;  ///< a core got a line's data from another core
  std::uint64_t invalidations = 0;   ///< copies that other cores lost
  std::uint64_t upgrades = 0;        ///< a core that had a copy became the owner: no data travelled
  std::uint64_t write_backs = 0;     ///< MESI: a line that had been written was read by another core
  std::uint64_t true_sharing = 0;    ///< misses and upgrades on bytes that another core wrote, or reads
  std::uint64_t false_sharing = 0;   ///< the others: another part of the line was used by somebody else
  std::uint64_t failed_cas = 0;
  std::uint64_t spins = 0;
  std::uint64_t parks = 0;
};

/// Which bytes of a line a core read and which it wrote. A read-modify-write does both.
struct byte_use {
  byte_mask read;
  byte_mask wrote;
};

/// What one place of the program had to wait for on a line.
struct site_counts {
  const void* from = nullptr;  ///< return address of its hook; nullptr: all places beyond the first max_sites
  access_kind kind = access_kind::load;
  std::uint64_t true_sharing = 0;
  std::uint64_t false_sharing = 0;
};
inline constexpr std::size_t max_sites = 64;

/// One core's view of a line that more than one core has touched.
struct core_view {
  byte_mask used;          ///< by this core since it got its copy
  byte_mask others_wrote;  ///< since this core lost its copy
  bool known = false;      ///< it has had a copy before: the first one is a cold miss, not sharing
  bool vague = false;      ///< it used the line before anybody else, and of that time nothing was noted
};

/// A change of a line that its directory has decided and that takes effect at `when`.
struct transition {
  picoseconds when = 0;
  picoseconds done = 0;  ///< when the core has the line
  std::uint16_t core = 0;
  access_kind kind = access_kind::load;
  std::uint8_t size = 0;   ///< of a store that is written to memory then; 0: none is
  void* target = nullptr;  ///< where to
  std::uint64_t value = 0;
  byte_mask bytes;
  const void* site = nullptr;  ///< the place in the program that asked; of several stores that were joined the first
};

/// A line that more than one core has touched.
struct shared_line {
  static constexpr std::uint16_t nobody = 0xffff;
  std::uint16_t owner = nobody;     ///< has it exclusively
  std::uint16_t owned_by = nobody;  ///< MOESI: wrote it, has a copy beside others, and serves the readers
  bool dirty = false;               ///< memory is behind what the owner, of either kind, has
  std::bitset<slots> sharers;
  std::bitset<slots> touched;
  byte_mask written;                  ///< by the owner since it became the owner
  picoseconds busy = 0;               ///< until when the directory serves somebody
  std::vector<transition> under_way;  ///< in order of time
  std::vector<core_view> views;       ///< by core
  // Since counting began, for the report alone; nothing that is simulated depends on it:
  event_counts counts;
  std::vector<byte_use> noted;     ///< by core
  std::vector<site_counts> sites;  ///< in the order of their first miss
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
  picoseconds taken = 0;  ///< when the change of state takes effect
  picoseconds done = 0;   ///< when the core has the line
};

/// The lines of a machine's memory.
class cache_model {
 public:
  /// `cores`: how many take part, at most `slots`.
  cache_model(const machine& m, unsigned cores);

  /// The line that holds an address; made at the first touch.
  line& find(std::uint64_t address);
  [[nodiscard]] unsigned offset_of(std::uint64_t address) const noexcept {
    return static_cast<unsigned>(address & (machine_.line_size - 1));
  }

  /// True if `core` alone has ever touched the line: then nobody can see when it does what.
  [[nodiscard]] static bool is_private(const line& l, unsigned core) noexcept {
    return l.sharing == nullptr && l.first == core;
  }

  /// Brings the line to `now`: what was under way and is due has happened.
  void settle(line& l, picoseconds now);

  /// Core `core` wants the line at `now`; the line is settled. A hit is done at once; a miss is entered at the
  /// directory and the outcome says when it is done. Until then nobody else's request takes effect.
  /// `not_before`: the earliest time at which it may take effect (stores of a core become visible in their order).
  /// `site`: the place in the program that a miss is put down to.
  outcome request(line& l, unsigned core, access_kind kind, byte_mask bytes, picoseconds now,
                  picoseconds not_before = 0, const void* site = nullptr);
  /// What `core` has under way on the line, or nullptr.
  static transition* own(line& l, unsigned core);
  /// Notes which bytes an access touches; request() does so itself.
  void note(line& l, unsigned core, access_kind kind, byte_mask bytes) const;

  [[nodiscard]] event_counts& counts() noexcept { return counts_; }
  /// Counting starts again from zero, for all lines.
  void reset_counts();
  /// What happens from now on to lines is not counted or noted, until reset_counts(): transfers, invalidations,
  /// upgrades, sharing, places and bytes stay as they are, while threads come to an end.
  void stop_counting() noexcept { counting_ = false; }
  /// All lines, in the order of their first touch.
  [[nodiscard]] std::vector<const line*> lines() const;
  [[nodiscard]] unsigned line_size() const noexcept { return machine_.line_size; }
  [[nodiscard]] std::size_t bytes_used() const noexcept;

 private:
  void apply(shared_line& l, const transition& t);
  static void put_down_to_site(shared_line& l, const transition& t, bool true_sharing);
  [[nodiscard]] const legs& route(const shared_line& l, unsigned core, access_kind kind) const;
  [[nodiscard]] std::uint16_t server(const shared_line& l) const noexcept;
  shared_line& share(line& l) const;
  void grow();

  const machine& machine_;
  unsigned cores_;
  unsigned shift_;
  event_counts counts_;
  bool counting_ = true;
  std::vector<line*> table_;  // open addressing, a power of two
  std::deque<line> all_;
};

}  // namespace contend::coherence
