// SPDX-License-Identifier: MIT
// One access to a line of the model, without threads: what the engine does in steps.
#pragma once

#include "perf/coherence/model.hpp"

namespace contend::coherence {

/// What an access came to.
struct outcome {
  bool hit = true;
  picoseconds taken = 0;  ///< when the change of state takes effect
  picoseconds done = 0;   ///< when the core has the line; of a first touch at once: its time is the engine's matter
};

/// An access to a line that is settled. A hit is done at once.
inline outcome request(cache_model& model, line& l, core_access what, picoseconds now, picoseconds not_before = 0,
                       const void* site = nullptr) {
  if (l.sharing == nullptr) {
    if (l.first == what.core()) return {true, now, now};
    if (model.touch_first(l, what.core())) return {false, now, now};
  }
  const line_use seen = model.use(*l.sharing, what);
  if (seen.hit()) return {true, now, now};
  const transition& entered = model.enter(*l.sharing, what, seen, now, {}, not_before, site);
  return {false, entered.when, entered.done};
}

}  // namespace contend::coherence
