// SPDX-License-Identifier: MIT
// See machine_file.hpp. One table of keys says what a file may hold, for reading, checking and writing.
#include "machine_file.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <map>
#include <optional>
#include <sstream>
#include <variant>

#include "perf/nearest.hpp"

namespace contend::coherence {
namespace {

using json = nlohmann::ordered_json;

constexpr std::string_view zen4_lines[] = {
#include "zen4.inc"
};
constexpr std::string_view spr_2s_lines[] = {
#include "spr-2s.inc"
};

std::string text_of(const std::string_view* first, const std::string_view* last) {
  std::string text;
  for (; first != last; ++first) text.append(*first).append("\n");
  return text;
}

/// A whole number, or a time; `least` and `most` in what the file has: units or ns.
struct figure {
  const char* key;
  std::variant<unsigned machine::*, picoseconds machine::*> member;
  double least;
  double most;
  const char* expected;
  bool may_be_missing = false;  ///< then it is 0
};

constexpr double longest = 10'000'000;  // ns
constexpr const char* time_expected = "a number of ns from 0 to 10000000";

constexpr std::array figures{
    figure{"line_size", &machine::line_size, 64, 128, "64 or 128"},
    figure{"cores", &machine::cores, 1, max_cores, "a whole number from 1 to 128"},
    figure{"cores_per_cluster", &machine::cores_per_cluster, 1, max_cores, "a whole number from 1 to 128"},
    figure{"clusters_per_socket", &machine::clusters_per_socket, 1, max_cores, "a whole number from 1 to 128"},
    figure{"load", &machine::load, 0, longest, time_expected},
    figure{"store", &machine::store, 0, longest, time_expected},
    figure{"rmw", &machine::rmw, 0, longest, time_expected},
    figure{"rmw_overlap", &machine::rmw_overlap, 0, longest, time_expected, true},
    figure{"fence", &machine::fence, 0, longest, time_expected},
    figure{"pause", &machine::pause, 0, longest, time_expected},
    figure{"memory", &machine::memory, 0, longest, time_expected},
    figure{"store_buffer", &machine::store_buffer, 1, 1024, "a whole number from 1 to 1024"},
    figure{"libc_call", &machine::libc_call, 0, longest, time_expected, true},
    figure{"system_call", &machine::system_call, 0, longest, time_expected},
    figure{"futex", &machine::futex, 0, longest, time_expected},
    figure{"block", &machine::block, 0, longest, time_expected},
    figure{"wake", &machine::wake, 0, longest, time_expected},
    figure{"wake_latency", &machine::wake_latency, 0, longest, time_expected},
};

struct distance_key {
  const char* key;
  legs machine::*member;
};
constexpr std::array distances{
    distance_key{"near", &machine::near},
    distance_key{"far", &machine::far},
    distance_key{"remote", &machine::remote},
};

struct leg_key {
  const char* key;
  picoseconds legs::*member;
};
constexpr std::array leg_keys{
    leg_key{"request", &legs::request},
    leg_key{"probe", &legs::probe},
    leg_key{"data", &legs::data},
    leg_key{"acknowledge", &legs::acknowledge},
};

std::string shown(const json& value) {
  std::string text = value.dump(-1, ' ', false, json::error_handler_t::replace);
  if (text.size() > 60) text = text.substr(0, 57) + "...";
  return text;
}

/// Walks over a text and notes the line of every key, by its path ("near.probe"); the first key that occurs twice.
class key_lines : public nlohmann::json_sax<json> {
 public:
  explicit key_lines(std::string_view text) {
    json::sax_parse(cursor{text.data(), &line_}, cursor{text.data() + text.size(), &line_}, this);
  }
  [[nodiscard]] unsigned of(const std::string& path) const {
    const auto found = lines_.find(path);
    return found == lines_.end() ? 1 : found->second;
  }
  [[nodiscard]] const std::string& twice() const { return twice_; }

  bool key(string_t& name) override {
    path_.back() = name;
    std::string full;
    for (const auto& part : path_) full += (full.empty() ? "" : ".") + part;
    if (!lines_.emplace(full, line_).second && twice_.empty()) {
      twice_ = full;
      lines_[full] = line_;
    }
    return true;
  }
  bool start_object(std::size_t /*size*/) override { return enter(); }
  bool end_object() override { return leave(); }
  bool start_array(std::size_t /*size*/) override { return enter(); }
  bool end_array() override { return leave(); }
  bool null() override { return true; }
  bool boolean(bool /*value*/) override { return true; }
  bool number_integer(number_integer_t /*value*/) override { return true; }
  bool number_unsigned(number_unsigned_t /*value*/) override { return true; }
  bool number_float(number_float_t /*value*/, const string_t& /*text*/) override { return true; }
  bool string(string_t& /*value*/) override { return true; }
  bool binary(binary_t& /*value*/) override { return true; }
  bool parse_error(std::size_t /*at*/, const std::string& /*token*/, const json::exception& /*why*/) override {
    return false;
  }

 private:
  /// Reads characters and counts the lines that were read.
  struct cursor {
    using iterator_category = std::input_iterator_tag;
    using value_type = char;
    using difference_type = std::ptrdiff_t;
    using pointer = const char*;
    using reference = const char&;
    const char* at;
    unsigned* line;
    reference operator*() const { return *at; }
    cursor& operator++() {
      if (*at == '\n') ++*line;
      ++at;
      return *this;
    }
    bool operator==(const cursor& other) const { return at == other.at; }
    bool operator!=(const cursor& other) const { return at != other.at; }
  };
  bool enter() {
    path_.emplace_back();
    return true;
  }
  bool leave() {
    path_.pop_back();
    return true;
  }

  unsigned line_ = 1;
  std::vector<std::string> path_;
  std::map<std::string, unsigned> lines_;
  std::string twice_;
};

/// Reads one file's text; every complaint is one sentence with the file and the line.
class reader {
 public:
  reader(std::string_view text, const std::string& file) : file_(file) {
    try {
      all_ = json::parse(text);
    } catch (const json::parse_error& wrong) {
      const std::size_t before = std::min<std::size_t>(wrong.byte == 0 ? 0 : wrong.byte - 1, text.size());
      const auto line = 1 + std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(before), '\n');
      const std::string what = wrong.what();  // "[…] parse error at line 3, column 3: syntax error …"
      const auto detail = what.find(": ");
      throw bad_machine("'" + file_ + "' line " + std::to_string(line) + ": this is no JSON" +
                        (detail == std::string::npos ? "" : what.substr(detail)));
    }
    if (!all_.is_object()) throw bad_machine("'" + file_ + "' line 1: expected a JSON object, not " + shown(all_));
    lines_.emplace(text);
    if (!lines_->twice().empty()) complain(lines_->twice(), "occurs twice");
  }

  machine read() {
    std::vector<std::string> known{"name", "about", "protocol", "calibration"};
    for (const auto& one : figures) known.emplace_back(one.key);
    for (const auto& one : distances) known.emplace_back(one.key);
    only(all_, "", known);
    machine out;
    out.name = text_at(all_, "name", "");
    if (all_.contains("about")) out.about = text_at(all_, "about", "");
    if (all_.contains("calibration")) out.calibration = all_["calibration"].dump();
    const json& protocol = member(all_, "protocol", "");
    const json& chosen = value_in(protocol, "protocol", out);
    if (chosen == "MESI")
      out.protocol = coherence_protocol::mesi;
    else if (chosen == "MOESI")
      out.protocol = coherence_protocol::moesi;
    else
      complain("protocol", "is " + shown(chosen) + "; expected \"MESI\" or \"MOESI\"");
    for (const auto& one : figures) read_figure(one, out);
    for (const auto& one : distances) read_legs(one, out);
    return out;
  }

 private:
  [[noreturn]] void complain(const std::string& path, const std::string& what) const {
    throw bad_machine("'" + file_ + "' line " + std::to_string(lines_->of(path)) + ": key '" + path + "' " + what);
  }
  const json& member(const json& object, const char* key, const std::string& inside) const {
    const auto found = object.find(key);
    if (found != object.end()) return *found;
    const unsigned line = inside.empty() ? 1 : lines_->of(inside);
    throw bad_machine("'" + file_ + "' line " + std::to_string(line) + ": key '" +
                      (inside.empty() ? "" : inside + ".") + key + "' is missing");
  }
  std::string text_at(const json& object, const char* key, const std::string& inside) const {
    const json& value = member(object, key, inside);
    const std::string path = (inside.empty() ? "" : inside + ".") + key;
    if (!value.is_string()) complain(path, "is " + shown(value) + "; expected a text");
    if (value.get_ref<const std::string&>().empty()) complain(path, "is an empty text");
    return value.get<std::string>();
  }
  void only(const json& object, const std::string& inside, const std::vector<std::string>& known) const {
    for (const auto& [key, value] : object.items()) {
      if (std::find(known.begin(), known.end(), key) != known.end()) continue;
      const auto meant = nearest(key, known);
      complain((inside.empty() ? "" : inside + ".") + key,
               "is not known" + (meant.empty() ? "" : "; did you mean '" + meant.front() + "'?"));
    }
  }
  /// The value of {"value": …, "source": …}; keeps the source.
  const json& value_in(const json& entry, const std::string& key, machine& out) const {
    if (!entry.is_object())
      complain(key, "is " + shown(entry) + R"(; expected {"value": ..., "source": "where it is from"})");
    only(entry, key, {"value", "source"});
    out.sources[key] = text_at(entry, "source", key);
    return member(entry, "value", key);
  }
  double number(const json& value, const std::string& path, double least, double most, const char* expected) const {
    if (!value.is_number()) complain(path, "is " + shown(value) + "; expected " + expected);
    const double is = value.get<double>();
    if (!(is >= least && is <= most)) complain(path, "is " + shown(value) + "; expected " + expected);
    return is;
  }
  void read_figure(const figure& one, machine& out) const {
    const std::string key = one.key;
    if (one.may_be_missing && !all_.contains(key)) {
      out.sources[key] = "the file does not say";
      return;
    }
    const json& value = value_in(member(all_, one.key, ""), key, out);
    const double is = number(value, key, one.least, one.most, one.expected);
    if (const auto* time = std::get_if<picoseconds machine::*>(&one.member)) {
      out.*(*time) = static_cast<picoseconds>(std::llround(is * 1000));
      return;
    }
    if (is != std::floor(is) || (key == "line_size" && is != 64 && is != 128))
      complain(key, "is " + shown(value) + "; expected " + one.expected);
    out.*std::get<unsigned machine::*>(one.member) = static_cast<unsigned>(is);
  }
  void read_legs(const distance_key& one, machine& out) const {
    const std::string key = one.key;
    const json& entry = member(all_, one.key, "");
    if (!entry.is_object())
      complain(key, "is " + shown(entry) + "; expected an object with request, probe, data, acknowledge and source");
    std::vector<std::string> known{"source"};
    for (const auto& leg : leg_keys) known.emplace_back(leg.key);
    only(entry, key, known);
    for (const auto& leg : leg_keys) {
      const double is = number(member(entry, leg.key, key), key + "." + leg.key, 0, longest, time_expected);
      out.*one.member.*leg.member = static_cast<picoseconds>(std::llround(is * 1000));
    }
    out.sources[key] = text_at(entry, "source", key);
  }

  std::string file_;
  json all_;
  std::optional<key_lines> lines_;
};

json ns(picoseconds time) {
  if (time % 1000 == 0) return time / 1000;
  return static_cast<double>(time) / 1000;
}

std::string listed(const std::vector<std::string>& names) {
  std::string all;
  for (const auto& name : names) all += (all.empty() ? "" : ", ") + name;
  return all;
}

}  // namespace

std::vector<std::string> shipped_machines() { return {"spr-2s", "zen4"}; }

machine parse_machine(std::string_view text, const std::string& file) { return reader(text, file).read(); }

machine load_machine(const std::string& name_or_file, const std::filesystem::path& results) {
  if (name_or_file == "zen4")
    return parse_machine(text_of(std::begin(zen4_lines), std::end(zen4_lines)), "machines/zen4.json");
  if (name_or_file == "spr-2s")
    return parse_machine(text_of(std::begin(spr_2s_lines), std::end(spr_2s_lines)), "machines/spr-2s.json");
  const bool local = name_or_file == "local";
  const std::filesystem::path path = local ? results / "local.json" : std::filesystem::path(name_or_file);
  if (!local && name_or_file.find('/') == std::string::npos && !name_or_file.ends_with(".json")) {
    auto names = shipped_machines();
    names.emplace_back("local");
    const auto meant = nearest(name_or_file, names);
    throw bad_machine("machine '" + name_or_file + "' is not known" +
                      (meant.empty() ? "" : ", did you mean '" + meant.front() + "'?") + "; expected " +
                      listed(shipped_machines()) +
                      ", local (which 'contend doctor --calibrate' writes), or a file *.json");
  }
  std::ifstream file(path);
  std::stringstream text;
  if (file.is_open()) text << file.rdbuf();
  if (file.is_open() && file.good() && text.good()) return parse_machine(text.str(), path.string());
  if (local)
    throw bad_machine(
        "machine 'local': there is no '" + path.string() +
        "' yet; 'contend doctor --calibrate' writes it, or name a shipped machine: " + listed(shipped_machines()));
  throw bad_machine("machine '" + name_or_file + "': cannot read that file; shipped machines are " +
                    listed(shipped_machines()));
}

json machine_json(const machine& one) {
  const auto source = [&](const std::string& key) {
    const auto found = one.sources.find(key);
    return found == one.sources.end() ? std::string("not stated") : found->second;
  };
  json out{{"name", one.name}};
  if (!one.about.empty()) out["about"] = one.about;
  out["protocol"] = {{"value", one.protocol == coherence_protocol::mesi ? "MESI" : "MOESI"},
                     {"source", source("protocol")}};
  for (const auto& figure : figures) {
    const auto* time = std::get_if<picoseconds machine::*>(&figure.member);
    out[figure.key] = {
        {"value", time != nullptr ? ns(one.*(*time)) : json(one.*std::get<unsigned machine::*>(figure.member))},
        {"source", source(figure.key)}};
  }
  for (const auto& distance : distances) {
    json& entry = out[distance.key];
    for (const auto& leg : leg_keys) entry[leg.key] = ns(one.*distance.member.*leg.member);
    entry["source"] = source(distance.key);
  }
  if (!one.calibration.empty()) out["calibration"] = json::parse(one.calibration);
  return out;
}

}  // namespace contend::coherence
