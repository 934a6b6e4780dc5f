// SPDX-License-Identifier: MIT
// Conformance of every lock in the catalogue, and the broken twins that the same checks must catch.
#include <gtest/gtest.h>

#include "primitives/catalogue.hpp"
#include "tests/support/stress.hpp"

namespace contend {
namespace {

// Twin: loads the flag, then stores it, as two steps.
class load_then_store_lock {
 public:
  void lock() {
    for (;;) {
      if (!held_.load()) {
        held_.store(true);
        return;
      }
      platform::relax();
    }
  }
  bool try_lock() {
    if (held_.load()) return false;
    held_.store(true);
    return true;
  }
  void unlock() { held_.store(false); }

 private:
  std::atomic<bool> held_{false};
};

/// Increments lost by `threads` threads that each add one `rounds` times under the lock.
template <class L>
std::uint64_t lost_updates(unsigned threads, unsigned rounds, std::uint64_t round) {
  L lock;
  std::uint64_t total = 0;
  testing::together(
      threads,
      [&](unsigned) {
        for (unsigned i = 0; i < rounds; ++i) {
          guard<L> held(lock);
          const std::uint64_t before = *const_cast<volatile std::uint64_t*>(&total);
          *const_cast<volatile std::uint64_t*>(&total) = before + 1;
        }
      },
      round);
  return std::uint64_t{threads} * rounds - total;
}

template <class L>
class lock_conformance : public ::testing::Test {};
using under_test = ::testing::Types<std_mutex, ttas_lock>;
TYPED_TEST_SUITE(lock_conformance, under_test);

TYPED_TEST(lock_conformance, no_update_is_lost) {
  EXPECT_EQ(lost_updates<TypeParam>(testing::spinners(), 2000, 0), 0U);
}

#if defined(CONTEND_PLATFORM_YIELDING)
TEST(broken_twin, load_then_store_lock_is_caught_every_time) {
  int caught = 0;
  for (int attempt = 0; attempt < 100; ++attempt)
    caught += lost_updates<load_then_store_lock>(4, 500, static_cast<std::uint64_t>(attempt)) > 0;
  EXPECT_EQ(caught, 100);
}
#endif

}  // namespace
}  // namespace contend
