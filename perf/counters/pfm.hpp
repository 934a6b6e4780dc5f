// SPDX-License-Identifier: MIT
// libpfm4's names for events; the one part of the counters that needs libpfm4.
#pragma once

#include <optional>
#include <string>

#include "perf/counters/event_catalogue.hpp"

namespace contend::counters {

/// The encoding that libpfm4 has for `name`, for whichever processor; nothing if it does not know it. A name without
/// its PMU ("INST_RETIRED") is looked up among those of this machine.
[[nodiscard]] std::optional<event> encode_with_libpfm4(const std::string& name);

/// Resolves libpfm4's names of this machine's PMUs; throws bad_event for the name of another processor's event.
[[nodiscard]] std::optional<event> resolve_with_libpfm4(const std::string& name);

}  // namespace contend::counters
