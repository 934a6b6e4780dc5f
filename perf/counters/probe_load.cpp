// SPDX-License-Identifier: MIT
// A little of everything that the catalogue's events count.
#include "perf/counters/probe_load.hpp"

#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <new>
#include <string>
#include <string_view>

#include "perf/host/text.hpp"

namespace contend::counters {
namespace {

constexpr std::size_t line_bytes = 64, page_count = 4, memory_bytes = std::size_t{6} << 20;
constexpr std::size_t page_bytes = std::size_t{64} << 10;  // the largest page size that Linux uses

/// Takes the line out of every cache, where user space may: x86, arm64.
void flush(const void* address) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_clflush(address);
#elif defined(__aarch64__)
  asm volatile("dc civac, %0" : : "r"(address) : "memory");
#else
  (void)address;
#endif
}

void flushed() {
#if defined(__x86_64__)
  __builtin_ia32_mfence();
#elif defined(__aarch64__)
  asm volatile("dsb ish" : : : "memory");
#endif
}

/// True if a kernel's list of processors ("0-3,8") has `cpu`.
bool has(std::string_view list, int cpu) {
  for (const auto range : host::split(host::trimmed(list), ',')) {
    const auto ends = host::split(range, '-');
    const auto first = host::parse_number<int>(ends.front()), last = host::parse_number<int>(ends.back());
    if (first && last && *first <= cpu && cpu <= *last) return true;
  }
  return false;
}

std::string of_processor(int cpu, std::string_view file) {
  return host::read_text(host::joined({"/sys/devices/system/cpu/cpu", std::to_string(cpu), "/", file})).value_or("");
}

void pin_to(int cpu) {
  if (cpu < 0) return;
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(static_cast<std::size_t>(cpu), &one);
  ::sched_setaffinity(0, sizeof one, &one);  // where it fails the scheduler places the thread: less certain, not wrong
}

}  // namespace

probe_load::probe_load() {
  cpu_set_t allowed;
  if (::sched_getaffinity(0, sizeof allowed, &allowed) != 0) return;
  std::string siblings, last_level;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(static_cast<std::size_t>(cpu), &allowed)) continue;
    if (first_ < 0) {
      first_ = cpu;
      siblings = of_processor(cpu, "topology/thread_siblings_list");
      last_level = of_processor(cpu, "cache/index3/shared_cpu_list");
    } else if (!has(siblings, cpu)) {  // siblings share the caches
      if (near_ < 0) near_ = cpu;
      if (!last_level.empty() && !has(last_level, cpu)) far_ = cpu;  // the last one: another socket if there is one
    }
  }
}

probe_load::~probe_load() {
  for (own& each : own_)
    if (each.pages != nullptr) ::munmap(each.pages, page_count * page_bytes);
}

void probe_load::prepare(unsigned thread) {
  pin_to(thread == 0 ? first_ : near_);
  own& mine = own_[thread];
  mine.memory.assign(memory_bytes, 1);
  mine.random += thread;
  void* pages = ::mmap(nullptr, page_count * page_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED) throw std::bad_alloc();
  mine.pages = static_cast<char*>(pages);
  ::madvise(pages, page_count * page_bytes, MADV_NOHUGEPAGE);
}

void probe_load::work(unsigned thread, std::chrono::microseconds length) {
  own& mine = own_[thread];
  const auto start = std::chrono::steady_clock::now();
  bool moved = false;
  for (int round = 0;; ++round) {
    const auto gone = std::chrono::steady_clock::now() - start;
    if (gone >= length && round >= 3) break;
    if (!moved && gone >= length / 2 && thread == 1 && far_ >= 0) {
      moved = true;
      pin_to(far_);
    }
    branches(mine);
    caches(mine);
    lines(thread);
    kernel(mine);
  }
}

/// Arithmetic, and branches that no predictor can know.
void probe_load::branches(own& mine) {
  std::uint64_t sum = 0;
  for (int i = 0; i < 400; ++i) {
    mine.random ^= mine.random << 13;  // xorshift: Marsaglia 2003
    mine.random ^= mine.random >> 7;
    mine.random ^= mine.random << 17;
    if ((mine.random & 1) != 0) {
      sum += mine.random;
      asm volatile("" : "+r"(sum));  // keeps the branch from becoming a conditional move
    } else {
      sum ^= mine.random >> 3;
      asm volatile("" : "+r"(sum));
    }
  }
  sink_.fetch_add(sum, std::memory_order_relaxed);
}

/// Loads and stores that miss the first level, the second, and (flushed lines) all of them.
void probe_load::caches(own& mine) {
  volatile char* memory = mine.memory.data();
  for (int i = 0; i < 2000; ++i) {
    mine.at = (mine.at + 67 * line_bytes) % memory_bytes;
    if (i % 4 == 0)
      memory[mine.at] = static_cast<char>(i);
    else
      (void)memory[mine.at];
  }
  for (std::size_t i = 0; i < 64; ++i) flush(mine.memory.data() + (mine.at + i * 5 * line_bytes) % memory_bytes);
  flushed();
  for (std::size_t i = 0; i < 64; ++i) {
    const std::size_t at = (mine.at + i * 5 * line_bytes) % memory_bytes;
    if (i % 2 == 0)
      memory[at] = 1;
    else
      (void)memory[at];
  }
}

/// Lines that both threads write: atomically, with plain stores, and read while the other writes them.
void probe_load::lines(unsigned thread) {
  std::uint64_t expected = 0;
  for (int i = 0; i < 300; ++i) {
    shared_[0].value.fetch_add(1, std::memory_order_relaxed);
    shared_[1].value.store(static_cast<std::uint64_t>(i), std::memory_order_relaxed);
    expected = shared_[2].value.load(std::memory_order_relaxed);
    shared_[2].value.compare_exchange_weak(expected, expected + 1, std::memory_order_relaxed);
    if (thread == 1) shared_[3].value.store(expected, std::memory_order_relaxed);
    expected += shared_[3].value.load(std::memory_order_relaxed) + shared_[1].value.load(std::memory_order_relaxed);
  }
  sink_.fetch_add(expected, std::memory_order_relaxed);
}

/// System calls, page faults, a sleep.
void probe_load::kernel(own& mine) {
  for (int i = 0; i < 10; ++i) ::syscall(SYS_getppid);
  ::madvise(mine.pages, page_count * page_bytes, MADV_DONTNEED);
  for (std::size_t i = 0; i < page_count; ++i) static_cast<volatile char*>(mine.pages)[i * page_bytes] = 1;
  const timespec moment{0, 1000};
  ::nanosleep(&moment, nullptr);
}

}  // namespace contend::counters
