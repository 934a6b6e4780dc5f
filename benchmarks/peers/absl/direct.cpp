// SPDX-License-Identifier: MIT
// abseil through its adapters and straight.
#include "benchmarks/peers/direct.hpp"

#include "lock.hpp"
#include "rwlock.hpp"

namespace contend::peers {
namespace {

absl_mutex adapter;
absl_mutex_rw rw_adapter;
::absl::Mutex direct;
std::uint64_t count = 0;

[[maybe_unused]] const bool added =
    compare(
        "absl_mutex, lock", adapter, direct,
        [](absl_mutex& m) {
          const guard<absl_mutex> held(m);
          ++count;
        },
        [](::absl::Mutex& m) {
          m.Lock();
          ++count;
          m.Unlock();
        }) &&
    compare(
        "absl_mutex, read", rw_adapter, direct, [](absl_mutex_rw& m) { m.read([] { ++count; }); },
        [](::absl::Mutex& m) {
          m.ReaderLock();
          ++count;
          m.ReaderUnlock();
        });

}  // namespace
}  // namespace contend::peers
