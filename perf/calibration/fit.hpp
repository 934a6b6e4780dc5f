// SPDX-License-Identifier: MIT
// From probe figures to a machine description: the model's closed forms, turned round. Pure.
#pragma once

#include <optional>
#include <string>

#include "perf/calibration/figures.hpp"
#include "perf/coherence/machine.hpp"

namespace contend::calibration {

/// What the model gives for a probe on this machine, in ns; nothing for probes that one of the machine's figures is
/// directly. Closed forms: exact to a few percent, see the test that simulates the probes.
[[nodiscard]] std::optional<double> predicted(const std::string& probe, const coherence::machine& on);

/// The machine "local". Costs of one thread are its probes; the legs of each reach are those that come nearest to
/// ping_pong, cas_hand_over and contended_add, in the sum of squared logarithms of the ratios. What has no figure is
/// taken from `fallback` and its source says so. Depends on nothing but its arguments.
[[nodiscard]] coherence::machine fit(const figures& found, const host_facts& host, const coherence::machine& fallback);

}  // namespace contend::calibration
