// SPDX-License-Identifier: MIT
// The command-line program: it knows the verbs; measuring itself is left to contend-bench beside it.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "contend_build_info.hpp"
#include "perf/doctor/doctor.hpp"
#include "perf/record/render.hpp"

namespace {

namespace fs = std::filesystem;

/// Becomes contend-bench with these arguments. Returns only if it cannot.
int become_bench(std::vector<std::string> arguments) {
  std::error_code error;
  const fs::path self = fs::read_symlink("/proc/self/exe", error);
  const std::string program = (error ? fs::path("contend-bench") : self.parent_path() / "contend-bench").string();
  arguments.insert(arguments.begin(), program);
  std::vector<char*> argv;
  for (auto& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  ::execvp(program.c_str(), argv.data());
  std::fprintf(stderr, "contend: cannot run '%s': %s\n", program.c_str(), std::strerror(errno));
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  // Everything after these verbs is the business of the program that is started, its --help too.
  if (argc > 1 && std::string(argv[1]) == "bench") return become_bench({argv + 2, argv + argc});
  if (argc > 1 && std::string(argv[1]) == "simulate") {
    std::vector<std::string> arguments{"--simulate"};
    arguments.insert(arguments.end(), argv + 2, argv + argc);
    return become_bench(std::move(arguments));
  }
  if (argc > 1 && std::string(argv[1]) == "list") {
    std::vector<std::string> arguments{"--list"};
    arguments.insert(arguments.end(), argv + 2, argv + argc);
    return become_bench(std::move(arguments));
  }
  if (argc > 1 && std::string(argv[1]) == "compare") return contend::record::compare_runs({argv + 2, argv + argc});
  if (argc > 1 && std::string(argv[1]) == "gate") return contend::record::become_gate({argv + 2, argv + argc});
  if (argc > 1 && std::string(argv[1]) == "history") return contend::record::become_history({argv + 2, argv + argc});

  CLI::App app{"contend: which lock, queue or counter to use on this machine, measured", "contend"};
  app.set_version_flag("--version", "contend " + std::string(contend::build_info::version) + " (" +
                                        std::string(contend::build_info::commit) + ")");
  app.require_subcommand(1);
  app.add_subcommand("bench", "Measure primitives across thread counts and write a report");
  app.add_subcommand("simulate", "Count line transfers and false sharing with simulated threads; no hardware needed");
  app.add_subcommand("list", "List the cells that can be measured; --json or --markdown: the catalogue with its facts");
  app.add_subcommand("compare", "Compare two stored runs, cell by cell; such a comparison does not gate");
  app.add_subcommand("gate",
                     "Build a base and the working tree, measure both in turn, and say whether contention grew");
  app.add_subcommand("history", "Show or plot what the runs measured, over commits");
  std::string directory = "results/latest";
  bool quiet = false;
  auto* report = app.add_subcommand("report", "Draw the report of a run again");
  report->add_option("run", directory, "Directory of the run, or its results.json")->capture_default_str();
  report->add_flag("--quiet", quiet, "No messages but errors");
  contend::doctor::options asked;
  auto* doctor =
      app.add_subcommand("doctor", "Say in a few seconds what can be trusted on this machine, and what to do");
  doctor->add_flag("--json", asked.json, "Everything that was found, as perf/record/doctor_schema.json describes it");
  doctor->add_flag("--verbose", asked.verbose, "Also every event, with its code, how long it ran, and its source");
  doctor->add_flag("--quiet", asked.quiet, "No progress on standard error");
  auto* calibrate = doctor->add_flag("--calibrate", asked.calibrate,
                                     "Measure, in a few seconds, what this machine's cache lines and kernel cost, for "
                                     "contend simulate --machine local");
  doctor->add_option("--results", asked.results, "With --calibrate: the folder for local.json")
      ->capture_default_str()
      ->needs(calibrate);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& done) {
    return app.exit(done);
  } catch (const CLI::ParseError& wrong) {
    std::fprintf(stderr, "contend: %s; see contend --help\n", wrong.what());
    return 2;
  }
  asked.program = argc > 0 && *argv[0] != '\0' ? argv[0] : "contend";
  if (doctor->parsed()) return contend::doctor::run(asked);
  return contend::record::render_report(directory, quiet);
}
