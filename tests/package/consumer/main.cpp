// SPDX-License-Identifier: MIT
// A program outside the tree: counts under two of the installed locks and exits 0 if no increment was lost.
#include <contend/primitives/lock/ttas_lock.hpp>
#include <iostream>
#include <mutex>
#include <thread>
#include <vector>

#include "primitives/catalogue.hpp"

template <class Lock>
bool counts_right() {
  constexpr int threads = 2, turns = 10'000;
  Lock lock;
  int count = 0;
  std::vector<std::thread> team;
  for (int i = 0; i < threads; ++i)
    team.emplace_back([&] {
      for (int turn = 0; turn < turns; ++turn) {
        std::lock_guard guard(lock);
        ++count;
      }
    });
  for (auto& member : team) member.join();
  std::cout << Lock::facts.name << ": " << count << " of " << threads * turns << '\n';
  return count == threads * turns;
}

int main() { return counts_right<contend::ttas_lock>() && counts_right<contend::std_mutex>() ? 0 : 1; }
