// SPDX-License-Identifier: MIT
// A folder for one test that goes away with it, and fixture files in it.
#pragma once

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>

namespace contend::testing {

class scratch {
 public:
  scratch() {
    std::string pattern = (std::filesystem::temp_directory_path() / "contend.XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary folder");
    path_ = pattern;
  }
  scratch(const scratch&) = delete;
  scratch& operator=(const scratch&) = delete;
  ~scratch() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

  /// Writes `text` to `name` below the folder and makes the folders on the way.
  scratch& put(const std::filesystem::path& name, std::string_view text) {
    const auto file = path_ / name.relative_path();
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
    return *this;
  }

  /// Number of files and folders directly in the folder, hidden ones too.
  [[nodiscard]] static long entries(const std::filesystem::path& folder) {
    long count = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder)) ++count;
    return count;
  }

 private:
  std::filesystem::path path_;
};

}  // namespace contend::testing
