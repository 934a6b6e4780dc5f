// SPDX-License-Identifier: MIT
// Catalogue × workloads × parameters × thread counts → cells with stable names.
#pragma once

#include <algorithm>
#include <concepts>
#include <string>
#include <type_traits>
#include <vector>

#include "cell.hpp"
#include "primitives/atomic/atomic.hpp"

namespace contend::bench {

/// All cells at the given thread counts, with what they are made of. Cheap: states are made only when a cell runs.
class matrix {
 public:
  explicit matrix(std::vector<unsigned> thread_counts) : thread_counts_(std::move(thread_counts)) {}

  /// Adds workload W on every type of a catalogue list: add<critical_section>(locks{}).
  template <class W, class... P>
  void add(type_list<P...>) {
    const workload_entry& entry = workload_of<W>();
    (add_primitive<W, P>(entry), ...);
  }

  const std::vector<cell>& cells() const { return cells_; }
  const std::vector<workload_entry>& workloads() const { return workloads_; }
  const std::vector<catalogue_entry>& catalogue() const { return catalogue_; }
  const std::vector<unsigned>& thread_counts() const { return thread_counts_; }

  /// The cell of that name, or nullptr.
  const cell* find(const std::string& name) const;

  /// Says that the workloads so far are contend's own.
  void mark_own() {
    for (auto& entry : workloads_) entry.own = true;
  }

  /// Throws usage_error if two primitives of a family have one name.
  void refuse_duplicates() const;

 private:
  template <class W>
  const workload_entry& workload_of() {
    for (const auto& entry : workloads_)
      if (entry.facts.name == W::facts.name) return entry;
    return workloads_.emplace_back(workload_entry{W::facts, W::claims(), false});
  }

  template <class W, class P>
  void add_primitive(const workload_entry&) {
    note(W::facts, P::facts, group_of<P>());
    for (const unsigned threads : thread_counts_)
      for (const auto& one : W::matrix(threads)) {
        cell c;
        c.workload = W::facts.name;
        c.family = W::facts.family;
        c.about = P::facts;
        one.params.visit([&](std::string_view name, auto value) {
          if constexpr (std::integral<decltype(value)>)
            c.params.emplace_back(name, static_cast<std::int64_t>(value));
          else if constexpr (std::floating_point<decltype(value)>)
            c.params.emplace_back(name, static_cast<double>(value));
          else
            c.params.emplace_back(name, std::string(value));
        });
        c.threads = threads;
        c.quick = one.quick;
        if constexpr (requires { W::template quick_at_most<P>; })
          c.quick = std::min(c.quick, W::template quick_at_most<P>);
        c.exclusive = W::facts.exclusive && P::facts.step != rung::no_sharing;
        c.waits = W::facts.waits;
        if constexpr (requires { W::role_of(one.params, threads, 0U); })
          for (unsigned i = 0; i < threads; ++i) c.roles.emplace_back(W::role_of(one.params, threads, i));
        c.not_applicable = W::template not_applicable<P>;
        if constexpr (W::template not_applicable<P>.empty()) {
          if constexpr (requires { W::template unsuited<P>(one.params, threads); })
            c.not_applicable = W::template unsuited<P>(one.params, threads);
          static_assert(workload_state<typename W::template state<P>>);
          c.make = factory_of < typename W::template state<P>,
          W::facts.exclusive && P::facts.step != rung::no_sharing > (one.params, threads);
        }
        c.name = name_of(c);
        cells_.push_back(std::move(c));
      }
  }

  /// From the family's contract: what an atomic operation does, what a fence orders, whether a snapshot is one.
  template <class P>
  static constexpr std::string_view group_of() {
    if constexpr (requires { P::effect; })
      return to_string(P::effect);
    else if constexpr (requires { P::orders_store_load; })
      return P::orders_store_load ? "orders store-load" : "does not order store-load";
    else if constexpr (requires { P::consistent; })
      return P::consistent ? "consistent snapshot" : "loose snapshot";
    else
      return {};
  }
  static std::string name_of(const cell& c);
  void note(const workload_facts& workload, const facts& primitive, std::string_view group);

  std::vector<unsigned> thread_counts_;
  std::vector<cell> cells_;
  std::vector<workload_entry> workloads_;
  std::vector<catalogue_entry> catalogue_;
};

/// Adds a family's workloads; one function per family, each in a file of its own so that they build side by side.
void add_apparatus(matrix&);
void add_locks(matrix&);
void add_rwlocks(matrix&);
void add_atomics(matrix&);
void add_queues(matrix&);
void add_rcus(matrix&);
void add_counters(matrix&);

/// Adds every family of the catalogue.
void add_catalogue(matrix&);

}  // namespace contend::bench
