// SPDX-License-Identifier: MIT
// What the tests of attribution share: a machine, a run, fields as text.
#pragma once

#include <atomic>
#include <string>
#include <vector>

#include "perf/coherence/attribution.hpp"
#include "perf/coherence/simulation.hpp"

namespace contend::coherence {

inline machine test_machine(unsigned line_size = 64) {
  machine m;
  m.name = "test";
  m.line_size = line_size;
  m.near = m.far = m.remote = {4'000, 6'000, 6'000, 6'000};
  m.load = m.store = 400;
  m.rmw = 4'500;
  m.memory = 60'000;
  m.system_call = m.futex = 150'000;
  return m;
}

inline constexpr int rounds = 500;

/// The lines after each of n threads did step(i) so many times; counted is from when all lines are warm.
template <class Step>
std::vector<line_report> lines_of(unsigned n, Step step, unsigned line_size = 64) {
  const machine m = test_machine(line_size);
  simulation all(m, n);
  alignas(128) static std::atomic<unsigned> warm[32];
  warm[0] = 0;
  all.run(
      [&](unsigned i) {
        for (int k = 0; k < rounds; ++k) {
          step(i);
          if (k == 50) {
            const outside here;
            if (warm[0].fetch_add(1) + 1 == n) all.model().reset_counts();
          }
        }
      },
      [] {}, 100'000'000'000);
  return top_lines(all.model(), 8);
}

/// Fields as "name@offset+size".
inline std::vector<std::string> fields_in(const line_report& l) {
  std::vector<std::string> out;
  for (const auto& f : l.fields) out.push_back(f.name + "@" + std::to_string(f.offset) + "+" + std::to_string(f.size));
  return out;
}

using names = std::vector<std::string>;
using bytes = std::vector<byte_range>;

/// Words of known places: a and b on one line, c on the next.
struct alignas(128) places {
  volatile unsigned long a = 0, b = 0;
  char rest[48] = {};
  volatile unsigned long c = 0;
};

}  // namespace contend::coherence
