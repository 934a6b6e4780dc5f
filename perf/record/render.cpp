// SPDX-License-Identifier: MIT
// See render.hpp.
#include "render.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "contend_build_info.hpp"

namespace contend::record {
namespace {

namespace fs = std::filesystem;

/// The folder that holds plots/: beside the installed program, or in the sources that were built.
fs::path home_of_plots() {
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  if (!error) {
    const fs::path installed = program.parent_path() / fs::path(build_info::data_from_bin);
    if (fs::exists(installed / "plots" / "__main__.py")) return fs::weakly_canonical(installed, error);
  }
  const fs::path source(build_info::source_dir);
  return fs::exists(source / "plots" / "__main__.py") ? source : fs::path();
}

}  // namespace

int render_report(const fs::path& directory, bool quiet) {
  const char* chosen = std::getenv("CONTEND_PYTHON");
  std::string python = chosen != nullptr && *chosen != '\0' ? chosen : std::string(build_info::python);
  if (python.empty()) python = "/usr/bin/python3";  // it says itself which module is missing
  const fs::path home = home_of_plots();
  if (home.empty()) {
    std::fprintf(stderr, "contend report: the plotting package was not found beside the program nor in %s\n",
                 std::string(build_info::source_dir).c_str());
    return 2;
  }
  std::vector<std::string> arguments{python, "-m", "plots", fs::absolute(directory).string()};
  if (quiet) arguments.emplace_back("--quiet");
  const pid_t child = ::fork();
  if (child < 0) {
    std::perror("contend report: cannot start the plotting program");
    return 2;
  }
  if (child == 0) {
    std::vector<char*> argv;
    for (auto& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    ::setenv("PYTHONPATH", home.c_str(), 1);
    ::setenv("PYTHONDONTWRITEBYTECODE", "1", 1);
    ::dup2(2, 1);
    ::execvp(argv[0], argv.data());
    std::fprintf(stderr, "contend report: cannot run '%s'; set CONTEND_PYTHON to a Python 3 with matplotlib\n",
                 argv[0]);
    ::_exit(2);
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 2;
}

}  // namespace contend::record
