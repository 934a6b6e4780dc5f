// SPDX-License-Identifier: MIT
// See byte_map.hpp.
#include "byte_map.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <stdexcept>

namespace contend::coherence {
namespace {

/// Six significant digits, as all numbers of the record.
double rounded(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.6g", value);
  return std::strtod(text, nullptr);
}

}  // namespace

std::vector<byte_range> ranges(const byte_mask& mask) {
  std::vector<byte_range> out;
  for (unsigned i = 0; i < 128; ++i) {
    if (((i < 64 ? mask.low >> i : mask.high >> (i - 64)) & 1) == 0) continue;
    if (out.empty() || out.back().end != i)
      out.push_back({i, i + 1});
    else
      ++out.back().end;
  }
  return out;
}

line_report byte_map(const cache_model& model, const line& l) {
  line_report out;
  out.size = model.line_size();
  out.address = l.number * out.size;
  if (l.sharing == nullptr) return out;
  out.counts = l.sharing->counts.all();
  for (unsigned thread = 0; thread < slots; ++thread) {
    const byte_use use = model.noted_of(*l.sharing).of(thread);
    thread_bytes one{thread, ranges(use.read), ranges(use.wrote)};
    if (one.read.empty() && one.wrote.empty()) continue;
    if (out.bytes.size() < max_threads_shown)
      out.bytes.push_back(std::move(one));
    else
      ++out.threads_not_shown;
  }
  return out;
}

nlohmann::ordered_json lines_json(const std::vector<line_report>& lines, double operations) {
  using json = nlohmann::ordered_json;
  if (!(operations > 0)) throw std::invalid_argument("operations: expected more than 0 to divide a line's events by");
  const auto per_op = [&](std::uint64_t events) { return rounded(static_cast<double>(events) / operations); };
  const auto pairs = [](const std::vector<byte_range>& from) {
    json out = json::array();
    for (const auto& r : from) out.push_back({r.begin, r.end});
    return out;
  };
  json all = json::array();
  for (const auto& l : lines) {
    json one;
    one["label"] = l.label;
    one["object"] = l.object;
    one["size"] = l.size;
    one["line_transfers_per_op"] = per_op(l.counts.line_transfers);
    one["invalidations_per_op"] = per_op(l.counts.invalidations);
    one["upgrades_per_op"] = per_op(l.counts.upgrades);
    one["true_sharing_per_op"] = per_op(l.counts.true_sharing);
    one["false_sharing_per_op"] = per_op(l.counts.false_sharing);
    one["fields"] = json::array();
    for (const auto& f : l.fields) one["fields"].push_back({{"name", f.name}, {"offset", f.offset}, {"size", f.size}});
    one["bytes"] = json::array();
    for (const auto& t : l.bytes)
      one["bytes"].push_back({{"thread", t.thread}, {"read", pairs(t.read)}, {"wrote", pairs(t.wrote)}});
    if (l.threads_not_shown != 0) one["threads_not_shown"] = l.threads_not_shown;
    one["sites"] = json::array();
    const std::size_t shown = std::min<std::size_t>(l.sites.size(), max_sites_shown);
    for (const auto& s : std::span(l.sites).first(shown))
      one["sites"].push_back({{"source", s.source},
                              {"function", s.function},
                              {"kind", s.kind == access_kind::load    ? "load"
                                       : s.kind == access_kind::store ? "store"
                                                                      : "rmw"},
                              {"true_sharing_per_op", per_op(s.true_sharing)},
                              {"false_sharing_per_op", per_op(s.false_sharing)}});
    if (l.sites.size() > shown) one["sites_not_shown"] = l.sites.size() - shown;
    all.push_back(std::move(one));
  }
  return all;
}

}  // namespace contend::coherence
