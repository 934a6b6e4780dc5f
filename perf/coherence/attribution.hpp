// SPDX-License-Identifier: MIT
// Which lines cost the most, and what lies on them: the object, its fields, who touched which bytes and from where.
#pragma once

#include <string>
#include <vector>

#include "attribution_objects.hpp"
#include "byte_map.hpp"
#include "model.hpp"

namespace contend::coherence {

/// The lines with the most misses because of others (true and false sharing) since counting began, most first; among
/// equals the one that was touched first. Lines without any are left out. Reads the program's debugging information
/// when first called, and is for outside of the simulated threads, while the simulation and what was given to
/// note_object() live. Byte for byte the same in every run.
[[nodiscard]] std::vector<line_report> top_lines(const cache_model& model, unsigned at_most);

/// Reads what top_lines() needs to know about the program. A process that forks others, each with a simulation, calls
/// it before: then they need not, 10 to 100 ms each.
void prepare_names();

/// "shared_[0].a, shared_[1].a, shared_[2].a, end" → "shared_[0–2].a, end"; at most some, and how many more.
[[nodiscard]] std::string list_of(const std::vector<std::string>& names);

}  // namespace contend::coherence
