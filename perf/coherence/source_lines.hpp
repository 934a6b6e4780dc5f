// SPDX-License-Identifier: MIT
// From an address in the program's code to the line of source that it came from.
#pragma once

#include <string>

namespace contend::coherence {

/// A place in the source. Without debugging information file is empty and line is 0.
struct source_place {
  std::string file;      ///< from the root of contend's own tree if it is in there, else as the compiler was told
  unsigned line = 0;     ///< from 1
  std::string function;  ///< qualified, without parameters
};

/// Looks up a return address: the call before it is what is meant. Of code that was inlined it is the innermost place
/// outside of the standard library: the line that says counter.fetch_add(1), not the one in <atomic>. The first call
/// reads the program's modules, and each module's debugging information is read when it is first asked for; 1 to 100
/// ms, by its size. It allocates, so it is for outside of the simulation; and not for two threads at once.
[[nodiscard]] source_place source_of(const void* return_address);

/// Reads all of the program's debugging information that source_of() may ask for, so that processes which are forked
/// off afterwards need not: about 100 ms where 30 MB of it are.
void prepare_source_lines();

/// "file:line (function)"; without debugging information "symbol+0x1f", without a symbol the address.
[[nodiscard]] std::string place_of(const void* return_address);

}  // namespace contend::coherence
