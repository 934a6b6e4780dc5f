// SPDX-License-Identifier: MIT
// Other people's queues and stacks, their headers unchanged and unaware of the instrumentation, on 1 to 32 simulated
// threads: every value comes out once, and two processes count the same.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <string>
#include <type_traits>
#include <vector>

#if defined(CONTEND_TEST_BOOST)
#include <boost/lockfree/queue.hpp>
#include <boost/lockfree/stack.hpp>
#endif
#if defined(CONTEND_TEST_ATOMIC_QUEUE)
#include <atomic_queue/atomic_queue.h>
#endif
#if defined(CONTEND_TEST_MOODYCAMEL)
#include <concurrentqueue/concurrentqueue.h>
#endif
#if defined(CONTEND_TEST_XENIUM)
#include <xenium/michael_scott_queue.hpp>
#include <xenium/reclamation/generic_epoch_based.hpp>
#include <xenium/reclamation/hazard_pointer.hpp>
#endif

#include "perf/coherence/heap.hpp"
#include "tests/perf/simulated.hpp"

#if defined(__SANITIZE_THREAD__) || defined(_GLIBCXX_TSAN)
#error "the sanitizer's macro is not hidden: libraries would not run as they ship"
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#error "the sanitizer is not hidden: libraries would not run as they ship"
#elif !__has_feature(cxx_exceptions) || !__has_feature(cxx_rtti)
#error "more than the sanitizer is hidden"
#endif
#endif

namespace contend::coherence {
namespace {

constexpr unsigned values_per_thread = 60;

// Each: a container of unsigned values other than 0, try_push and try_pop.
/// The standard library's, which is always here.
struct locked_deque {
  static constexpr const char* name = "locked_deque";
  std::mutex lock;
  std::deque<unsigned> held;
  bool try_push(unsigned v) {
    const std::lock_guard hold(lock);
    held.push_back(v);
    return true;
  }
  bool try_pop(unsigned& v) {
    const std::lock_guard hold(lock);
    if (held.empty()) return false;
    v = held.front();
    held.pop_front();
    return true;
  }
};
#if defined(CONTEND_TEST_BOOST)
struct boost_queue {
  static constexpr const char* name = "boost_queue";
  boost::lockfree::queue<unsigned> held{8};
  bool try_push(unsigned v) { return held.push(v); }
  bool try_pop(unsigned& v) { return held.pop(v); }
};
struct boost_stack {
  static constexpr const char* name = "boost_stack";
  boost::lockfree::stack<unsigned> held{8};
  bool try_push(unsigned v) { return held.push(v); }
  bool try_pop(unsigned& v) { return held.pop(v); }
};
#endif
#if defined(CONTEND_TEST_ATOMIC_QUEUE)
struct atomic_queue_queue {
  static constexpr const char* name = "atomic_queue_queue";
  atomic_queue::AtomicQueue<unsigned, 128> held;
  bool try_push(unsigned v) { return held.try_push(v); }
  bool try_pop(unsigned& v) { return held.try_pop(v); }
};
#endif
#if defined(CONTEND_TEST_MOODYCAMEL)
struct moodycamel_queue {
  static constexpr const char* name = "moodycamel_queue";
  moodycamel::ConcurrentQueue<unsigned> held;
  bool try_push(unsigned v) { return held.enqueue(v); }
  bool try_pop(unsigned& v) { return held.try_dequeue(v); }
};
#endif
#if defined(CONTEND_TEST_XENIUM)
template <class Reclaimer>
struct xenium_queue {
  static constexpr const char* name = std::is_same_v<Reclaimer, xenium::reclamation::epoch_based<>>
                                          ? "xenium_michael_scott_queue_with_epochs"
                                          : "xenium_michael_scott_queue_with_hazard_pointers";
  xenium::michael_scott_queue<unsigned, xenium::policy::reclaimer<Reclaimer>> held;
  bool try_push(unsigned v) { return held.push(v), true; }
  bool try_pop(unsigned& v) { return held.try_pop(v); }
};
using xenium_epochs = xenium_queue<xenium::reclamation::epoch_based<>>;
using xenium_hazard_pointers = xenium_queue<xenium::reclamation::hazard_pointer<>>;
#endif

/// Each thread puts its values in and takes as many out; what came out, and what was counted, as text.
template <class Container>
std::string exercise(unsigned n) {
  const auto container = std::make_unique<Container>();
  std::vector<unsigned char> taken(n * values_per_thread + 1);
  unsigned twice = 0;
  simulation all(round_machine(), n);
  picoseconds end = 0;
  all.run(
      [&](unsigned i) {
        for (unsigned k = 0; k < values_per_thread; ++k) {
          while (!container->try_push(1 + i * values_per_thread + k)) relax();
          unsigned value = 0;
          while (!container->try_pop(value)) relax();
          const outside here;
          twice += taken.at(value)++;
          end = std::max(end, now());
        }
      },
      [] {}, 100'000 * millisecond);
  unsigned missing = 0;
  for (unsigned v = 1; v < taken.size(); ++v) missing += taken[v] == 0;
  unsigned rest = 0, value = 0;
  while (container->try_pop(value)) ++rest;
  const event_counts& c = all.model().counts();
  std::string told = twice + missing + rest + taken[0] == 0
                         ? "every value once;"
                         : "twice " + std::to_string(twice) + ", missing " + std::to_string(missing) + ", too many " +
                               std::to_string(rest) + ";";
  for (const std::uint64_t one : {end, c.accesses, c.line_transfers, c.invalidations, c.upgrades, c.true_sharing,
                                  c.false_sharing, c.failed_cas, c.spins, c.parks})
    told += ' ' + std::to_string(one);
  return told;
}

/// What exercise() tells in a process of its own, which starts with a fresh heap; or how the process ended.
template <class Container>
std::string exercise_apart(unsigned n) {
  int ends[2];
  if (::pipe(ends) != 0) return "no pipe";
  const pid_t child = ::fork();
  if (child == 0) {
    std::string told;
    try {
      at_fixed_addresses([&] { told = exercise<Container>(n); });
    } catch (const std::exception& what) {
      told = what.what();
    }
    const bool whole = ::write(ends[1], told.data(), told.size()) == static_cast<ssize_t>(told.size());
    ::_exit(whole ? 0 : 1);
  }
  ::close(ends[1]);
  std::string told;
  char part[512];
  for (ssize_t got = 0; (got = ::read(ends[0], part, sizeof part)) > 0;) told.append(part, static_cast<size_t>(got));
  ::close(ends[0]);
  int status = -1;
  ::waitpid(child, &status, 0);
  if (status != 0) told += " (status " + std::to_string(status) + ")";
  return told;
}

template <class Container>
class third_party : public testing::Test {};

using containers = testing::Types<locked_deque
#if defined(CONTEND_TEST_BOOST)
                                  ,
                                  boost_queue, boost_stack
#endif
#if defined(CONTEND_TEST_ATOMIC_QUEUE)
                                  ,
                                  atomic_queue_queue
#endif
#if defined(CONTEND_TEST_MOODYCAMEL)
                                  ,
                                  moodycamel_queue
#endif
#if defined(CONTEND_TEST_XENIUM)
                                  ,
                                  xenium_epochs, xenium_hazard_pointers
#endif
                                  >;

struct names {
  template <class Container>
  static std::string GetName(int) {
    return Container::name;
  }
};
TYPED_TEST_SUITE(third_party, containers, names);

TYPED_TEST(third_party, conserves_values_and_counts_the_same_twice) {
  for (const unsigned n : {1U, 2U, 4U, 8U, 32U}) {
    const std::string first = exercise_apart<TypeParam>(n);
    this->RecordProperty("of_" + std::to_string(n) + "_threads", first);
    EXPECT_TRUE(first.starts_with("every value once;")) << n << " threads: " << first;
    EXPECT_EQ(exercise_apart<TypeParam>(n), first) << n << " threads";
  }
}

}  // namespace
}  // namespace contend::coherence
