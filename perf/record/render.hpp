// SPDX-License-Identifier: MIT
// Handing records to the Python packages that draw and compare them.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace contend::record {

/// Runs `python3 -m plots <directory>` with the interpreter that the build found, and waits. Its messages go to
/// standard error. Returns its exit status, 2 with a sentence if there is no interpreter or no package.
int render_report(const std::filesystem::path& directory, bool quiet);

/// Runs `python3 -m gate compare <words…>` in the same way, with its output on standard output. Its exit status: 0
/// whatever it finds, 2 for what it cannot read, 3 where the runs have no cell in common.
int compare_runs(std::vector<std::string> words);

/// Adds the run whose results.json this is to history.sqlite in the folder of runs, by `python3 -m history append`, and
/// waits (a tenth of a second). What goes wrong is one sentence on standard error, and no reason for a run to fail.
void append_history(const std::filesystem::path& record);

/// Becomes `contend history` with these words. Returns 2 only if it cannot.
int become_history(std::vector<std::string> words);

/// Becomes `contend gate` with these words: signals meant for the gate reach it alone. Returns 2 only if it cannot.
int become_gate(std::vector<std::string> words);

}  // namespace contend::record
