// SPDX-License-Identifier: MIT
// Temporary file, fsync, rename.
#include "perf/record/atomic_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <string>
#include <system_error>

namespace contend::record {
namespace {

/// An open file that is removed again unless it was renamed into place.
class temporary_file {
 public:
  explicit temporary_file(const std::filesystem::path& target) {
    static std::atomic<unsigned> serial{0};
    // A file of that name can only be the rest of a killed process that had our pid: O_EXCL finds it, we go on.
    for (int attempt = 0; attempt < 100 && fd_ < 0; ++attempt) {
      std::string name = ".";
      name.append(target.filename().string()).append(".").append(std::to_string(::getpid())).append(".");
      name.append(std::to_string(serial.fetch_add(1, std::memory_order_relaxed))).append(".tmp");
      path_ = target.parent_path() / name;
      fd_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
      if (fd_ < 0 && errno != EEXIST) break;
    }
    created_ = fd_ >= 0;
  }
  temporary_file(const temporary_file&) = delete;
  temporary_file& operator=(const temporary_file&) = delete;
  ~temporary_file() {
    if (fd_ >= 0) ::close(fd_);
    if (created_) ::unlink(path_.c_str());
  }

  [[nodiscard]] bool is_open() const { return fd_ >= 0; }

  bool write(std::string_view text) {
    while (!text.empty()) {
      const ssize_t written = ::write(fd_, text.data(), text.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return false;
      text.remove_prefix(static_cast<std::size_t>(written));
    }
    return true;
  }
  // Some file systems (network, quota) report a full device only here or at close.
  bool flush() {
    if (::fsync(fd_) != 0 && errno != EINVAL && errno != ENOSYS) return false;
    const int fd = fd_;
    fd_ = -1;
    return ::close(fd) == 0 || errno == EINTR;
  }
  bool rename_to(const std::filesystem::path& target) {
    if (std::rename(path_.c_str(), target.c_str()) != 0) return false;
    created_ = false;
    return true;
  }

 private:
  std::filesystem::path path_;
  int fd_ = -1;
  bool created_ = false;
};

/// Makes the rename survive a power cut. By now the file is complete, so a file system that cannot do it is no error.
void flush_directory(const std::filesystem::path& directory) {
  const int fd = ::open(directory.empty() ? "." : directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  ::fsync(fd);
  ::close(fd);
}

}  // namespace

void write_atomically(const std::filesystem::path& path, std::string_view text) {
  const auto fail = [&](int reason) {
    throw std::system_error(reason, std::generic_category(), "cannot write '" + path.string() + "'");
  };
  temporary_file file(path);
  if (!file.is_open()) fail(errno);
  if (!file.write(text) || !file.flush() || !file.rename_to(path)) fail(errno);
  flush_directory(path.parent_path());
}

}  // namespace contend::record
