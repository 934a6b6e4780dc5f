// SPDX-License-Identifier: MIT
// libcds's array of locks as a lock by key.
#pragma once

#include <cds/sync/lock_array.h>
#include <cds/sync/spinlock.h>

#include <cstddef>
#include <cstdint>

#include "contend_peers/versions.hpp"
#include "primitives/lock/lock.hpp"

namespace contend::peers {

/// cds::sync::lock_array of 64 cds::sync::spin, side by side. The array takes keys as they come: the hash that our
/// contract asks for is this adapter's, as the array's selection policy.
class cds_lock_array {
 public:
  static constexpr contend::facts facts{.name = "cds_lock_array",
                                        .summary = "libcds's lock_array: 64 unpadded spin locks, chosen by a hash",
                                        .admits = admission::barging,
                                        .waits = waiting::spin_with_backoff,
                                        .step = rung::sharded,
                                        .source = "libcds " CONTEND_CDS_VERSION,
                                        .origin = "libcds"};

  cds_lock_array() = default;
  cds_lock_array(const cds_lock_array&) = delete;
  cds_lock_array& operator=(const cds_lock_array&) = delete;
  void lock(std::uint64_t key) { locks_.lock(key); }
  [[nodiscard]] bool try_lock(std::uint64_t key) { return locks_.try_lock(key) != array::c_nUnspecifiedCell; }
  void unlock(std::uint64_t key) { locks_.unlock(hashed{}(key, size)); }

 private:
  static constexpr std::size_t size = 64;
  struct hashed {  // Knuth's multiplicative hash: the upper six bits
    std::size_t operator()(std::uint64_t key, std::size_t) const { return (key * 0x9E3779B97F4A7C15U) >> 58; }
  };
  using array = ::cds::sync::lock_array<::cds::sync::spin, hashed>;
  array locks_{size};
};

namespace of_cds {
using locks = type_list<cds_lock_array>;
}

}  // namespace contend::peers
