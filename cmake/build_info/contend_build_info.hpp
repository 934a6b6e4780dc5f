// SPDX-License-Identifier: MIT
// What this build is: commit, compiler, flags and where its files are. The values are renewed at every build, in one
// generated source file, so that a new commit recompiles nothing else.
#pragma once

#include <optional>
#include <string_view>

namespace contend::build_info {

extern const std::string_view version;     ///< of the project, such as "0.1.0"
extern const std::string_view commit;      ///< short hash, or "unknown": no git, or not a checkout
extern const std::optional<bool> dirty;    ///< tracked files differ from the commit; empty where commit is unknown
extern const std::string_view compiler;    ///< id and version, such as "GNU 12.2.0"
extern const std::string_view flags;       ///< the compiler flags of the build, sanitizers included
extern const std::string_view build_type;  ///< Release, RelWithDebInfo, …
extern const std::string_view source_dir;  ///< the checkout that was built; may be gone in an installed program
extern const std::string_view python;      ///< an interpreter with the report's modules, or empty
/// From the folder of an installed program to the installed data (schema.json, plots/), such as "../share/contend".
/// A program that finds no plots/ there runs from the build folder and takes source_dir.
extern const std::string_view data_from_bin;

}  // namespace contend::build_info
