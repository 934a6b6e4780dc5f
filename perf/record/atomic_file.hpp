// SPDX-License-Identifier: MIT
// Writing a file so that a reader, a crash or a full disk never meets half of it.
#pragma once

#include <filesystem>
#include <string_view>

namespace contend::record {

/// Makes `path` hold exactly `text`: writes a temporary file beside it (".<name>.<pid>.<n>.tmp"), flushes it to the
/// device and renames it over `path`. Readers see the old content or the new one. Mode 0666 less the umask; the
/// folder must exist; a symbolic link at `path` is replaced, not followed.
/// May overlap with itself, also on the same path (the last rename wins) and from several processes.
/// Errors: std::system_error whose what() is a sentence with path and reason, "cannot write 'results.json': No space
/// left on device"; nothing new is left behind then and an old file is as it was. Only a kill between creating and
/// renaming leaves the temporary file.
void write_atomically(const std::filesystem::path& path, std::string_view text);

}  // namespace contend::record
