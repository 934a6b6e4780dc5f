// SPDX-License-Identifier: MIT
// See attribution.hpp.
#include "attribution.hpp"

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <set>
#include <tuple>

#include "attribution_names.hpp"
#include "source_lines.hpp"

namespace contend::coherence {
namespace {

constexpr std::size_t names_listed = 6;

/// Of a line that is shared.
std::uint64_t misses(const line& l) {
  const line_counts all = l.sharing->counts.all();
  return all.true_sharing + all.false_sharing;
}

/// Bytes that one or more threads touched, cut where what one of them touched begins or ends.
std::vector<byte_range> touched_parts(const core_uses& noted, unsigned line_size) {
  std::vector<bool> touched(line_size), cut(line_size + 1);
  for (unsigned thread = 0; thread < slots; ++thread)
    for (const auto& mask : {noted.of(thread).read, noted.of(thread).wrote})
      for (const auto& r : ranges(mask)) {
        cut[r.begin] = cut[r.end] = true;
        for (unsigned i = r.begin; i < r.end; ++i) touched[i] = true;
      }
  std::vector<byte_range> out;
  for (unsigned i = 0; i < line_size; ++i) {
    if (!touched[i]) continue;
    if (out.empty() || out.back().end != i || cut[i])
      out.push_back({i, i + 1});
    else
      ++out.back().end;
  }
  return out;
}

std::string offset_of(std::uint64_t address, const named_thing& thing) {
  char text[32];
  std::snprintf(text, sizeof text, "+0x%jx", static_cast<std::uintmax_t>(address - thing.at));
  return text;
}

/// A thing's fields at bytes [begin, end) of the line at `line_at`.
void add_fields(const named_thing& thing, std::uint64_t line_at, unsigned line_size, byte_range part,
                std::vector<field>& out) {
  if (thing.type == 0) {
    if (!thing.has_offsets) return;
    out.push_back({thing.prefix + offset_of(line_at + part.begin, thing), part.begin, part.end - part.begin, 0});
    return;
  }
  if (line_at + part.end <= thing.type_at) return;
  const std::uint64_t from = std::max(line_at + part.begin, thing.type_at) - thing.type_at;
  const std::uint64_t to = line_at + part.end - thing.type_at;
  const auto found = thing.elements == 0 ? fields_of(thing.type, thing.prefix, from, to)
                                         : fields_of_array(thing.type, thing.prefix, thing.elements, from, to);
  for (const auto& f : found) {
    const std::uint64_t begin = std::max(thing.type_at + f.offset, line_at) - line_at;
    const std::uint64_t end = std::min(thing.type_at + f.offset + f.size - line_at, std::uint64_t{line_size});
    std::string name = f.name;
    if (name.ends_with("->")) name = std::string("*").append(name, 0, name.size() - 2);
    if (name.empty()) name = offset_of(line_at + begin, thing);
    if (std::none_of(out.begin(), out.end(), [&](const field& o) { return o.name == name && o.offset == begin; }))
      out.push_back({std::move(name), begin, end - begin, 0});
  }
}

void name_line(const core_uses& noted, namer& names, line_report& report) {
  std::vector<std::string> objects, labels;
  std::vector<field> fields;
  std::string remark;
  for (const auto& part : touched_parts(noted, report.size))
    for (unsigned begin = part.begin; begin < part.end;) {
      const named_thing thing = names.at(report.address + begin);
      unsigned end = begin + 1;
      while (end < part.end && names.at(report.address + end) == thing) ++end;
      if (std::find(objects.begin(), objects.end(), thing.object) == objects.end()) objects.push_back(thing.object);
      if (!thing.remark.empty()) remark = thing.remark;
      add_fields(thing, report.address, report.size, {begin, end}, fields);
      begin = end;
    }
  join_fields(fields);
  for (const auto& f : fields) {
    report.fields.push_back({f.name, static_cast<unsigned>(f.offset), static_cast<unsigned>(f.size)});
    if (!f.name.starts_with('+')) labels.push_back(f.name);
  }
  report.object = list_of(objects);
  report.label = labels.empty() ? report.object : list_of(labels);
  if (report.label.empty()) report.label = report.object = unknown_object;
  if (!remark.empty()) report.label += " (" + remark + ")";
}

void name_sites(const line& l, line_report& report) {
  for (const auto& s : l.sharing->sites) {
    site_report one;
    one.kind = s.kind;
    if (s.from == nullptr) {
      one.source = "other places";
    } else {
      std::string symbol = place_of(s.from);
      symbol = symbol.substr(0, symbol.rfind("+0x"));
      if (std::string call = c_library_call(symbol); !call.empty()) {
        one.source = "C library";
        one.function = std::move(call);
      } else if (const source_place place = source_of(s.from); place.line != 0) {
        one.source = place.file + ":" + std::to_string(place.line);
        one.function = shortened_name(place.function);
      } else {
        one.source = symbol.starts_with("0x") ? "unknown place" : shortened_name(symbol);
      }
    }
    const auto same = std::find_if(report.sites.begin(), report.sites.end(), [&](const site_report& o) {
      return o.source == one.source && o.function == one.function && o.kind == one.kind;
    });
    site_report& into = same != report.sites.end() ? *same : report.sites.emplace_back(std::move(one));
    into.true_sharing += s.true_sharing;
    into.false_sharing += s.false_sharing;
  }
  std::sort(report.sites.begin(), report.sites.end(), [](const site_report& a, const site_report& b) {
    const auto a_all = a.true_sharing + a.false_sharing;
    const auto b_all = b.true_sharing + b.false_sharing;
    return a_all != b_all ? a_all > b_all
                          : std::tie(a.source, a.function, a.kind) < std::tie(b.source, b.function, b.kind);
  });
}

/// What nobody can name (memory that a library got from the system itself) is known by who works on it.
void name_by_use(line_report& report) {
  if (report.object != unknown_object || report.sites.empty()) return;
  const site_report& first = report.sites.front();
  report.object += " used by " + (first.function.empty() ? first.source : first.function);
  if (report.label == unknown_object) report.label = report.object;
}

/// A name's numbers in brackets, and the name without them.
struct indexed {
  std::string pattern;
  std::vector<unsigned long> indices;
};

indexed take_apart(const std::string& name) {
  indexed out;
  for (std::size_t at = 0; at < name.size();) {
    out.pattern += name[at++];
    if (name[at - 1] != '[') continue;
    std::size_t end = at;
    while (end < name.size() && std::isdigit(static_cast<unsigned char>(name[end])) != 0) ++end;
    if (end == at || end == name.size() || name[end] != ']') continue;
    out.indices.push_back(std::stoul(name.substr(at, end - at)));
    at = end;
  }
  return out;
}

std::string put_together(const indexed& name, std::size_t which, unsigned long last) {
  std::string out;
  std::size_t next = 0;
  for (std::size_t at = 0; at < name.pattern.size(); ++at) {
    out += name.pattern[at];
    if (name.pattern[at] != '[' || at + 1 >= name.pattern.size() || name.pattern[at + 1] != ']' ||
        next == name.indices.size())
      continue;
    out += std::to_string(name.indices[next]);
    if (next++ == which) out += "–" + std::to_string(last);
  }
  return out;
}

}  // namespace

std::string list_of(const std::vector<std::string>& names) {
  std::vector<std::string> shown;
  std::set<std::size_t> done;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (done.count(i) != 0) continue;
    const indexed first = take_apart(names[i]);
    std::vector<std::size_t> run{i};
    std::size_t which = 0;
    for (std::size_t k = i + 1; k < names.size(); ++k) {
      const indexed other = take_apart(names[k]);
      if (done.count(k) != 0 || other.pattern != first.pattern || other.indices.size() != first.indices.size())
        continue;
      std::vector<std::size_t> differ;
      for (std::size_t d = 0; d < first.indices.size(); ++d)
        if (other.indices[d] != first.indices[d]) differ.push_back(d);
      if (differ.size() != 1 || (run.size() > 1 && differ[0] != which)) continue;
      if (other.indices[differ[0]] != first.indices[differ[0]] + run.size()) continue;
      which = differ[0];
      run.push_back(k);
    }
    if (run.size() < 3) {
      shown.push_back(names[i]);
      continue;
    }
    done.insert(run.begin(), run.end());
    shown.push_back(put_together(first, which, first.indices[which] + run.size() - 1));
  }
  std::string out;
  for (std::size_t i = 0; i < shown.size(); ++i) {
    if (i == names_listed && shown.size() > names_listed + 1)
      return out + " and " + std::to_string(shown.size() - i) + " more";
    out += (i == 0 ? "" : ", ") + shown[i];
  }
  return out;
}

void prepare_names() {
  (void)layout_index::of_program().type_named("");
  prepare_source_lines();
}

std::vector<line_report> top_lines(const cache_model& model, unsigned at_most) {
  std::vector<const line*> worst;
  for (const line* l : model.lines())
    if (l->sharing != nullptr && misses(*l) > 0) worst.push_back(l);
  std::sort(worst.begin(), worst.end(), [](const line* a, const line* b) {
    const auto a_all = misses(*a);
    const auto b_all = misses(*b);
    return a_all != b_all ? a_all > b_all : a->order < b->order;
  });
  if (worst.size() > at_most) worst.resize(at_most);
  std::vector<line_report> out;
  namer names;
  for (const line* l : worst) {
    out.push_back(byte_map(model, *l));
    name_line(model.noted_of(*l->sharing), names, out.back());
    name_sites(*l, out.back());
    name_by_use(out.back());
  }
  return out;
}

}  // namespace contend::coherence
