// SPDX-License-Identifier: MIT
// Simulated cells that end without an answer, each in its own way, beside one that does not.
#include <csignal>
#include <cstdlib>

#include "benchmarks/matrix.hpp"
#include "benchmarks/simulated_cells.hpp"
#include "benchmarks/workload.hpp"

namespace {

using namespace contend;
using namespace contend::bench;

struct planted_primitive {
  static constexpr contend::facts facts{.name = "planted", .summary = "ends on purpose"};
};

enum class fate { fine, leaves, leaves_well, throws_a_number, dies };
constexpr const char* names[] = {"fine", "leaves", "leaves_well", "throws_a_number", "dies"};

template <fate what>
struct planted {
  static constexpr workload_facts facts{.name = names[static_cast<int>(what)],
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
    state(const params&, unsigned) {}
    template <class Probe>
    step_result step(Probe& probe, unsigned) {
      probe.wait([] {});
      if (what == fate::leaves) std::exit(3);
      if (what == fate::leaves_well) std::exit(0);
      if (what == fate::throws_a_number) throw 3;
      if (what == fate::dies) std::raise(SIGSEGV);
      platform::relax();
      return {1, 0};
    }
    void stop() {}
    std::string check(std::span<const thread_counts>) { return ""; }
  };
};

void add_planted(matrix& all) {
  all.add<planted<fate::fine>>(type_list<planted_primitive>{});
  all.add<planted<fate::leaves>>(type_list<planted_primitive>{});
  all.add<planted<fate::leaves_well>>(type_list<planted_primitive>{});
  all.add<planted<fate::throws_a_number>>(type_list<planted_primitive>{});
  all.add<planted<fate::dies>>(type_list<planted_primitive>{});
}

}  // namespace

int main() { return serve_simulations(add_planted); }
