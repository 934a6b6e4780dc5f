// SPDX-License-Identifier: MIT
// Which model it is: records of different ones are not compared.
#pragma once

namespace contend::coherence {

/// Raise this whenever the model gives other counts or times for the same program: the model itself, the engine, the C
/// library in virtual time, the heap, how long a cell is simulated. coherence_version_test fails where it is forgotten,
/// and says how to renew the numbers that it compares with. perf/coherence/README.md lists what each version changed.
inline constexpr const char* model_version = "4";

}  // namespace contend::coherence
