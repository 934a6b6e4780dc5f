// SPDX-License-Identifier: MIT
// Names of cells, and the list of families.
#include "matrix.hpp"

#include <algorithm>
#include <cstdio>
#include <set>

#include "options.hpp"

namespace contend::bench {

std::string to_text(const param_value& value) {
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return std::to_string(*integer);
  if (const auto* word = std::get_if<std::string>(&value)) return *word;
  char text[32];
  std::snprintf(text, sizeof text, "%g", std::get<double>(value));
  return text;
}

const cell* matrix::find(const std::string& name) const {
  const auto found = std::find_if(cells_.begin(), cells_.end(), [&](const cell& c) { return c.name == name; });
  return found == cells_.end() ? nullptr : &*found;
}

void matrix::refuse_duplicates() const {
  std::set<std::string_view> seen;
  for (const auto& c : cells_)
    if (!seen.insert(c.name).second)
      throw usage_error("the primitive '" + std::string(c.about.name) +
                        "' is in the catalogue already; give yours another name");
}

std::string matrix::name_of(const cell& c) {
  std::string name = c.workload + "/" + std::string(c.about.name);
  for (const auto& [param, value] : c.params) name += "/" + param + ":" + to_text(value);
  return name + "/threads:" + std::to_string(c.threads);
}

void matrix::note(const workload_facts& workload, const facts& primitive, std::string_view group) {
  auto entry = std::find_if(catalogue_.begin(), catalogue_.end(), [&](const catalogue_entry& e) {
    return e.family == workload.family && e.about.name == primitive.name;
  });
  if (entry == catalogue_.end())
    entry = catalogue_.insert(entry, {std::string(workload.family), primitive, std::string(group), {}});
  entry->workloads.emplace_back(workload.name);
}

void add_catalogue(matrix& all) {
  add_apparatus(all);
  add_locks(all);
  add_rwlocks(all);
  add_atomics(all);
  add_counters(all);
  add_queues(all);
  add_rcus(all);
  all.mark_own();
}

}  // namespace contend::bench
