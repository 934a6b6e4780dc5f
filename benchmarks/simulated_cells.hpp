// SPDX-License-Identifier: MIT
// The program that simulates cells for the lens `coherence`; run_suite() of the measuring program starts it.
#pragma once

namespace contend::bench {

class matrix;

/// How often each word of a probe is touched, and a probe: it must be seen, or the simulation would count nothing.
inline constexpr unsigned probe_touches = 100;
using access_probe = void (*)(unsigned* atomic_word, volatile unsigned* plain_word);

/// Touches both words as the file that includes this is compiled. Not inline: each file has one of its own, so that
/// one that was compiled without contend_simulated() is found out.
[[maybe_unused, gnu::noinline]] static void touch_as_compiled_here(unsigned* atomic_word,
                                                                   volatile unsigned* plain_word) {
  for (unsigned i = 0; i < probe_touches; ++i) {
    __atomic_fetch_add(atomic_word, 1, __ATOMIC_RELAXED);
    *plain_word = i;
  }
}

/// Reads requests from standard input and answers on standard output, one JSON object a line; see simulated_cells.cpp.
/// `extend` as in run_suite(). Returns the exit status. `probe` is the caller's; leave it.
int serve_simulations(void (*extend)(matrix&) = nullptr, access_probe probe = touch_as_compiled_here);

}  // namespace contend::bench
