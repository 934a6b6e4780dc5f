// SPDX-License-Identifier: MIT
// The doctor's findings on one screen.
#include <cstdio>

#include "perf/doctor/layout.hpp"
#include "perf/doctor/page.hpp"

namespace contend::doctor {
namespace {

using host::joined;
using json = nlohmann::json;

constexpr std::size_t widest_matrix = 8;

std::string spoken(std::string name) {
  std::replace(name.begin(), name.end(), '_', ' ');
  return name;
}

std::string_view colour_of(level value) {
  return value == level::good ? green : value == level::limited ? yellow : value == level::none ? red : magenta;
}

/// Lines under one label: the label before the first, blanks before the others.
class page {
 public:
  explicit page(bool colour) : dye(colour) {}

  void line(const std::string& text) { text_.append(text).append("\n"); }
  void block(std::string_view label, std::string_view colour, const std::vector<std::string>& lines) {
    for (std::size_t i = 0; i < lines.size(); ++i)
      line((i == 0 ? dye(colour, left(label, label_width)) : std::string(label_width, ' ')) + lines[i]);
  }
  void block(std::string_view label, std::string_view colour, const std::string& text) {
    block(label, colour, fill(pieces_of(text), page_width - label_width));
  }
  [[nodiscard]] std::string text() const { return text_; }

  const paint dye;

 private:
  std::string text_;
};

json at(const json& block, const char* group, const char* key) {
  if (!block.is_object() || !block.contains(group) || !block[group].is_object()) return {};
  return block[group].value(key, json());
}

std::string text_or_unknown(const json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_boolean()) return value.get<bool>() ? "on" : "off";
  if (value.is_number()) return plain(value.get<double>());
  return "unknown";
}

std::string bytes_text(const json& value) {
  if (!value.is_number()) return "unknown";
  const double bytes = value.get<double>();
  return bytes >= 1 << 20 ? joined({plain(bytes / (1 << 20)), " MiB"}) : joined({plain(bytes / 1024), " KiB"});
}

/// "4 cores", "1 core", "cores unknown".
std::string counted(const json& value, const char* one) {
  if (!value.is_number()) return joined({one, "s unknown"});
  return joined({plain(value.get<double>()), " ", one, value == 1 ? "" : "s"});
}

void put_machine(page& out, const facts& known) {
  const json& all = known.environment;
  const auto word = [&](const char* group, const char* key) { return text_or_unknown(at(all, group, key)); };
  const auto count = [&](const char* key, const char* one) { return counted(at(all, "topology", key), one); };
  const auto size = [&](const char* key) { return bytes_text(at(all, "topology", key)); };
  const json vm = at(all, "system", "virtual_machine");
  const std::string hypervisor = word("system", "hypervisor"), model = word("cpu", "model");
  const std::string governor = word("cpu", "governor"), turbo = word("cpu", "boost");
  const std::string place = vm == true    ? joined({" under ", hypervisor == "unknown" ? "a hypervisor" : hypervisor})
                            : vm == false ? std::string(" on the metal")
                                          : std::string();
  out.block("machine", bold,
            joined({model == "unknown" ? "processor of unknown model" : model,
                    ": ",
                    count("processors", "processor"),
                    ", ",
                    count("cores", "core"),
                    ", ",
                    count("sockets", "socket"),
                    ", ",
                    count("l3_groups", "L3 group"),
                    "; L1d ",
                    size("l1d_bytes"),
                    ", L2 ",
                    size("l2_bytes"),
                    ", L3 ",
                    size("l3_bytes"),
                    ", lines of ",
                    word("topology", "cache_line"),
                    " B; Linux ",
                    word("system", "kernel"),
                    place,
                    ", clock ",
                    word("system", "clock_source"),
                    governor == "unknown" && turbo == "unknown" ? ", governor and turbo unknown"
                                                                : joined({", governor ", governor, ", turbo ", turbo}),
                    ", load average ",
                    word("load", "start_load_1min")}));
}

/// Which remedies fit on a screen: the most useful ones, and the last, which says how to go on.
bool shown(std::size_t i, std::size_t n, bool every_one) {
  constexpr std::size_t most = 5;
  return every_one || n <= most || i < most - 1 || i + 1 == n;
}

void put_to_do(page& out, const diagnosis& found, bool every_one) {
  std::vector<std::string> lines;
  const std::size_t n = found.to_do.size();
  for (std::size_t i = 0; i < n; ++i) {
    if (!shown(i, n, every_one)) {
      if (shown(i - 1, n, every_one)) lines.emplace_back("   (more with --verbose)");
      continue;
    }
    const remedy& one = found.to_do[i];
    auto pieces = pieces_of(one.text);
    if (!one.command.empty()) pieces.push_back(joined({"$ ", one.command}));
    const auto wrapped = fill(pieces, page_width - label_width - 3);
    for (std::size_t j = 0; j < wrapped.size(); ++j)
      lines.push_back(joined({j == 0 ? joined({std::to_string(i + 1), ". "}) : "   ", wrapped[j]}));
  }
  out.block("to do", bold, lines);
}

/// "timings: trust … (facts) →1,3": the numbers are those of what to do about it.
std::string verdict_text(const verdict& one, const diagnosis& found, bool every_one) {
  std::string text = joined({spoken(one.what), ": ", one.says});
  if (!one.because.empty())
    text += one.because.back() == ')' ? joined({": ", one.because}) : joined({" (", one.because, ")"});
  std::string numbers;
  const std::size_t n = found.to_do.size();
  for (std::size_t i = 0; i < n; ++i) {
    const auto& helps = found.to_do[i].helps;
    if (shown(i, n, every_one) && std::find(helps.begin(), helps.end(), one.what) != helps.end())
      numbers += joined({numbers.empty() ? " →" : ",", std::to_string(i + 1)});
  }
  return text + numbers;
}

/// Whether a verdict gives this reason. What it says itself ("no hardware counters: ") may be left out there.
bool said_above(const diagnosis& found, const std::string& reason) {
  return std::any_of(found.trust.begin(), found.trust.end(), [&](const verdict& one) {
    return !one.because.empty() && (one.because.find(reason) != std::string::npos ||
                                    (one.what == "hardware_counters" && reason.ends_with(one.because)));
  });
}

void put_events(page& out, const facts& known, const diagnosis& found) {
  if (!known.counting || !known.counting->found.hardware) return;  // one reason for all: the verdict has it
  bool first = true;
  for (const event_group& group : group_events(*known.counting)) {
    if (group.metrics.empty()) continue;
    std::string list;
    for (const auto& metric : group.metrics) list.append(list.empty() ? "" : ", ").append(metric);
    out.block(first ? "events" : "", bold,
              group.reason.empty()              ? joined({"counted: ", list})
              : said_above(found, group.reason) ? joined({"not: ", list, ", see above"})
                                                : joined({"not: ", list, ": ", group.reason}));
    first = false;
  }
}

void put_matrix(page& out, const facts& known) {
  const auto& matrix = known.first;
  if (matrix.empty()) return;
  const auto groups = host::by_distance(matrix, known.machine);
  if (matrix.cpus.size() > widest_matrix) {
    for (std::size_t i = 0; i < groups.size(); ++i) {
      const auto& group = groups[i];
      out.block(
          i == 0 ? "one way" : "", bold,
          joined({spoken(std::string(host::name_of(group.how_far))), ": ", plain(group.min), " / ", plain(group.median),
                  " / ", plain(group.max), " ns least / median / most of ", std::to_string(group.pairs), " pairs"}));
    }
    return;
  }
  double least = 0;
  for (const auto& group : groups) least = least == 0 ? group.min : std::min(least, group.min);
  std::vector<std::string> lines;
  std::string head = right("ns", 6);
  for (const int cpu : matrix.cpus) head += right(std::to_string(cpu), 7);
  lines.push_back(head);
  for (std::size_t a = 0; a < matrix.cpus.size(); ++a) {
    std::string row = right(joined({"cpu ", std::to_string(matrix.cpus[a])}), 6);
    for (std::size_t b = 0; b < matrix.cpus.size(); ++b) {
      const auto& ns = matrix.ns[a][b];
      const std::string cell = right(a == b ? "·" : ns ? plain(*ns) : "?", 7);
      row += !ns ? cell : out.dye(*ns <= 1.5 * least ? green : *ns <= 3 * least ? yellow : red, cell);
    }
    lines.push_back(row);
  }
  out.block("one way", bold, lines);
}

std::string code_of(const counters::event& what) {
  if (what.from != counters::origin::perf_event) return "getrusage";
  char text[64];
  std::snprintf(text, sizeof text, "%u:0x%llx", what.type, static_cast<unsigned long long>(what.config));
  return what.config1 == 0 ? text : joined({text, "+"});
}

std::string fate_of(const counters::event_status& one) {
  const std::string share = joined({" ", plain(one.running * 100), " %"});
  switch (one.how) {
    case counters::state::counted:
      return joined({"counted", share});
    case counters::state::multiplexed:
      return joined({"scaled", share});
    case counters::state::starved:
      return joined({"starved", share});
    case counters::state::unsupported:
      return "reads 0";
    case counters::state::failed:
      break;
  }
  return "not opened";
}

/// Every event with its raw code, what came of it with the share of the time that it ran, its name and source; under
/// it why it is not counted, unless the verdicts say so. Wider than the page where names and sources are.
void put_every_event(page& out, const countable& counting, const diagnosis& found) {
  const auto row = [](const std::string& event, const std::string& code, const std::string& fate,
                      const std::string& source) {
    return joined({left(event, 22), " ", left(code, 12), " ", left(fate, 14), " ", source});
  };
  const auto why = [&](const std::string& reason) {
    if (!reason.empty() && !said_above(found, reason))
      for (const auto& text : fill(pieces_of(reason), page_width - 2)) out.line(joined({"  ", text}));
  };
  out.line("");
  out.line(out.dye(bold, row("event", "type:config", "fate, running", "name and source")));
  for (const auto& one : counting.found.events) {
    const bool kernel = one.what.from == counters::origin::perf_event && one.what.where == counters::side::kernel;
    const std::string& name = one.what.name;
    out.line(row(joined({one.what.metric, kernel ? " (kernel)" : ""}), code_of(one.what), fate_of(one),
                 joined({name, name.empty() || one.what.source.empty() ? "" : "; ", one.what.source})));
    why(one.why.reason);
  }
  for (const auto& [metric, obstacle] : counting.refused) {
    out.line(row(metric, "none", "no such event", ""));
    why(obstacle.reason);
  }
}

}  // namespace

std::string text_page(const facts& known, const diagnosis& found, const page_style& style) {
  page out(style.colour);
  out.line("What can be trusted on this machine (→1: see \"to do\")");
  for (const verdict& one : found.trust)
    out.block(name_of(one.trust), colour_of(one.trust), verdict_text(one, found, style.verbose));
  out.line("");
  put_machine(out, known);
  put_events(out, known, found);
  out.line("");
  put_to_do(out, found, style.verbose);
  if (!known.first.empty()) out.line("");
  put_matrix(out, known);
  if (style.verbose && known.environment.is_object() && known.environment.contains("details"))
    for (const auto& [caveat, sentence] : known.environment["details"].items())
      out.block("caveat", bold, joined({caveat, ": ", sentence.get<std::string>()}));
  if (style.verbose && known.counting) put_every_event(out, *known.counting, found);
  return out.text();
}

}  // namespace contend::doctor
