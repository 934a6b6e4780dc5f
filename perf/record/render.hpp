// SPDX-License-Identifier: MIT
// Handing a record to the plotting package.
#pragma once

#include <filesystem>

namespace contend::record {

/// Runs `python3 -m plots <directory>` with the interpreter that the build found, and waits. Its messages go to
/// standard error. Returns its exit status, 2 with a sentence if there is no interpreter or no package.
int render_report(const std::filesystem::path& directory, bool quiet);

}  // namespace contend::record
