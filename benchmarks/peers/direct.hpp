// SPDX-License-Identifier: MIT
// What a peer's adapter costs: the same loop through the adapter and straight on the library, in turn.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace contend::peers {

/// Two loops of `n` operations each, by one thread.
struct comparison {
  std::string name;
  std::function<void(std::uint64_t n)> adapter;
  std::function<void(std::uint64_t n)> direct;
};

/// All comparisons of the program; a package's direct.cpp adds its own at start-up.
inline std::vector<comparison>& comparisons() {
  static std::vector<comparison> all;
  return all;
}

/// Adds `step(thing)` on an adapter and `straight(library_thing)` on what it wraps, both made here and kept. The loop
/// is the same template for both; the compiler sees through it.
template <class Adapter, class Library, class Step, class Straight>
bool compare(std::string name, Adapter& adapter, Library& library, Step step, Straight straight) {
  comparisons().push_back({std::move(name),
                           [&adapter, step](std::uint64_t n) {
                             for (std::uint64_t i = 0; i < n; ++i) step(adapter);
                           },
                           [&library, straight](std::uint64_t n) {
                             for (std::uint64_t i = 0; i < n; ++i) straight(library);
                           }});
  return true;
}

}  // namespace contend::peers
