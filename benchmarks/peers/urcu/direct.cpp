// SPDX-License-Identifier: MIT
// liburcu's read side through its adapter and straight.
#include "benchmarks/peers/direct.hpp"

#include "rcu.hpp"

namespace contend::peers {
namespace {

struct registered {
  urcu_memb<std::uint64_t> published{1};
  urcu_memb<std::uint64_t>::reader reader = published.register_thread();
};
registered adapter;
struct bare {
  std::uint64_t value = 1;
  std::uint64_t* pointer = &value;
};
bare direct;
volatile std::uint64_t seen = 0;

[[maybe_unused]] const bool added = compare(
    "urcu_memb, read", adapter, direct,
    [](registered& a) { seen = a.published.read(a.reader, [](const std::uint64_t& value) { return value; }); },
    [](bare& b) {
      urcu_memb_read_lock();
      const std::uint64_t value = *rcu_dereference(b.pointer);
      urcu_memb_read_unlock();
      seen = value;
    });

}  // namespace
}  // namespace contend::peers
