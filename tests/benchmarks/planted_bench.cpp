// SPDX-License-Identifier: MIT
// The benchmark program with cells that go wrong on purpose, each in its own way, beside one that does not.
#include <atomic>
#include <chrono>
#include <csignal>
#include <stdexcept>
#include <thread>

#include "benchmarks/suite.hpp"
#include "primitives/platform.hpp"

namespace {

using namespace contend;
using namespace contend::bench;

struct planted_primitive {
  static constexpr contend::facts facts{.name = "planted", .summary = "goes wrong on purpose"};
};

enum class fate { fine, deadlock, spins_for_ever, crashes, throws, wrong_result, idle, moody };

constexpr std::string_view name_of(fate what) {
  switch (what) {
    case fate::fine:
      return "fine";
    case fate::deadlock:
      return "deadlock";
    case fate::spins_for_ever:
      return "spins_for_ever";
    case fate::crashes:
      return "crashes";
    case fate::throws:
      return "throws_a_thing";
    case fate::wrong_result:
      return "wrong";
    case fate::idle:
      return "idle";
    case fate::moody:
      return "moody";
  }
  return "";
}

template <fate what>
struct planted {
  static constexpr workload_facts facts{.name = name_of(what),
                                        .family = "planted",
                                        .question = "What happens to the others?",
                                        .operation = "nothing",
                                        .contends_on = "nothing",
                                        .reference = "planted"};
  struct params {
    template <class V>
    void visit(V) const {}
  };
  static std::vector<sample<params>> matrix(unsigned) { return {{{}, quick_part::whole}}; }
  static std::vector<claim> claims() { return {}; }
  template <class>
  static constexpr std::string_view not_applicable{};

  template <class>
  class state {
   public:
    state(const params&, unsigned) : works_(what != fate::moody || trials_++ % 3 != 0) {}
    template <class Probe>
    step_result step(Probe& probe, unsigned) {
      probe.wait([] {});
      if (what == fate::deadlock)
        while (never_.load() == 0) platform::park(never_, 0);
      if (what == fate::spins_for_ever)
        while (never_.load() == 0) platform::relax();
      if (what == fate::crashes) std::raise(SIGSEGV);
      if (what == fate::throws) throw std::runtime_error("out of planted things");
      if (what == fate::idle || !works_) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
        return {0, 1};
      }
      return {1, 0};
    }
    void stop() {}
    std::string check(std::span<const thread_counts>) {
      return what == fate::wrong_result ? "two and two is 5, expected 4" : "";
    }

   private:
    std::atomic<std::uint32_t> never_{0};
    static inline unsigned trials_ = 0;
    const bool works_;  ///< the moody one's first trial does nothing, the next two do, and so on
  };
};

void add_planted(matrix& all) {
  all.add<planted<fate::fine>>(type_list<planted_primitive>{});
  all.add<planted<fate::deadlock>>(type_list<planted_primitive>{});
  all.add<planted<fate::spins_for_ever>>(type_list<planted_primitive>{});
  all.add<planted<fate::crashes>>(type_list<planted_primitive>{});
  all.add<planted<fate::throws>>(type_list<planted_primitive>{});
  all.add<planted<fate::wrong_result>>(type_list<planted_primitive>{});
  all.add<planted<fate::idle>>(type_list<planted_primitive>{});
  all.add<planted<fate::moody>>(type_list<planted_primitive>{});
}

}  // namespace

int main(int argc, char** argv) { return run_suite(argc, argv, add_planted); }
