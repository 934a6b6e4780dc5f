// SPDX-License-Identifier: MIT
// See render.hpp.
#include "render.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "contend_build_info.hpp"

namespace contend::record {
namespace {

namespace fs = std::filesystem;

/// The folder that holds plots/ and perf/gate/: beside the installed program, or in the sources that were built.
fs::path home_of_packages(const fs::path& package) {
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  if (!error) {
    const fs::path installed = program.parent_path() / fs::path(build_info::data_from_bin);
    if (fs::exists(installed / package / "__main__.py")) return fs::weakly_canonical(installed, error);
  }
  const fs::path source(build_info::source_dir);
  return fs::exists(source / package / "__main__.py") ? source : fs::path();
}

/// Becomes `python3 -m <name of the package> <words…>`. Returns the exit code only if it cannot. `verb` is whose
/// messages these are.
int become_package(const char* verb, const fs::path& package, const std::vector<std::string>& words) {
  const char* chosen = std::getenv("CONTEND_PYTHON");
  std::string python = chosen != nullptr && *chosen != '\0' ? chosen : std::string(build_info::python);
  if (python.empty()) python = "/usr/bin/python3";  // it says itself which module is missing
  const fs::path home = home_of_packages(package);
  if (home.empty()) {
    std::fprintf(stderr, "contend %s: the Python package %s was not found beside the program nor in %s\n", verb,
                 package.c_str(), std::string(build_info::source_dir).c_str());
    return 2;
  }
  std::vector<std::string> arguments{python, "-m", package.filename().string()};
  arguments.insert(arguments.end(), words.begin(), words.end());
  std::vector<char*> argv;
  for (auto& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  if (!error) ::setenv("CONTEND_BIN", program.parent_path().c_str(), 1);  // for the gate's --plan
  // What the gate builds has its user's settings again.
  if (const char* own = std::getenv("PYTHONPATH")) ::setenv("CONTEND_USERS_PYTHONPATH", own, 1);
  ::setenv("PYTHONPATH", (home.string() + ":" + (home / "perf").string()).c_str(), 1);
  ::setenv("PYTHONDONTWRITEBYTECODE", "1", 1);
  ::setenv("PYTHONSAFEPATH", "1", 1);  // a folder called gate where the user stands is not ours
  ::execvp(argv[0], argv.data());
  std::fprintf(stderr, "contend %s: cannot run '%s'; set CONTEND_PYTHON to a Python 3 with matplotlib and SciPy\n",
               verb, argv[0]);
  return 2;
}

/// The same in a child, whose exit code is returned.
int run_package(const char* verb, const fs::path& package, const std::vector<std::string>& words, bool only_errors) {
  const pid_t child = ::fork();
  if (child < 0) {
    std::fprintf(stderr, "contend %s: cannot start the Python interpreter: %s\n", verb, std::strerror(errno));
    return 2;
  }
  if (child == 0) {
    if (only_errors) ::dup2(2, 1);
    ::_exit(become_package(verb, package, words));
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 2;
}

}  // namespace

int render_report(const fs::path& directory, bool quiet) {
  std::vector<std::string> words{fs::absolute(directory).string()};
  if (quiet) words.emplace_back("--quiet");
  return run_package("report", "plots", words, true);
}

int compare_runs(std::vector<std::string> words) {
  words.insert(words.begin(), "compare");
  return run_package("compare", fs::path("perf") / "gate", words, false);
}

void append_history(const fs::path& record) {
  run_package("history", fs::path("perf") / "history", {"append", fs::absolute(record).string()}, true);
}

int become_history(std::vector<std::string> words) {
  return become_package("history", fs::path("perf") / "history", std::move(words));
}

int become_gate(std::vector<std::string> words) {
  words.insert(words.begin(), "run");
  return become_package("gate", fs::path("perf") / "gate", words);
}

}  // namespace contend::record
