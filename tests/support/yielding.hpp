// SPDX-License-Identifier: MIT
// Switching the yielding platform on and off from a test.
#pragma once

#include <cstdint>

extern "C" void contend_yielding_point() noexcept;

namespace contend::testing {

/// From now on every instrumented access may yield, by draws from `seed` (each thread has its own stream).
void start_yielding(std::uint64_t seed) noexcept;
void stop_yielding() noexcept;

}  // namespace contend::testing
