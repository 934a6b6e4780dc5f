// SPDX-License-Identifier: MIT
// What every primitive says about itself: one constant per type, from which tables, legends and records are made.
#pragma once

#include <concepts>
#include <cstddef>
#include <string_view>

namespace contend {

/// Who is admitted next when several wait.
enum class admission { none, fifo, barging, random, reader_first, writer_first, phase_fair };

/// How a thread waits.
enum class waiting { none, spin, spin_with_backoff, spin_then_park, park, retry };

/// Progress guarantee of the main operation (Herlihy and Shavit's terms).
enum class progress { wait_free, lock_free, obstruction_free, blocking };

/// Order of delivery, for containers.
enum class delivery { not_applicable, fifo, per_producer, k_relaxed, lifo };

/// The hierarchy "simplest that works": a primitive on a lower rung wins a tie.
enum class rung { no_sharing, atomic, mutex, shared_mutex, channel, sharded, lock_free };

/// Facts of one primitive. `name` is a key in results for ever: lower case, digits and underscores.
struct facts {
  std::string_view name;
  std::string_view summary;  ///< one sentence for tables and legends
  admission admits = admission::none;
  waiting waits = waiting::none;
  progress guarantees = progress::blocking;
  rung step = rung::mutex;
  bool baseline = false;      ///< the simpler thing that others are plotted against
  std::string_view source{};  ///< paper, section, year, or the standard
  delivery delivers = delivery::not_applicable;
  bool bounded = false;       ///< containers: has a fixed capacity
  bool weak = false;          ///< containers: a failing try_* may overlook what another call has begun or not yet ended
  std::string_view origin{};  ///< whose implementation: empty = ours, else "abseil", "oneTBB", …
  std::string_view unseen{};  ///< why a compiler that instruments accesses does not see its: empty = it does
};

/// A type with facts.
template <class T>
concept described = requires {
  { T::facts } -> std::convertible_to<const facts&>;
};

constexpr std::string_view to_string(admission a) {
  switch (a) {
    case admission::none:
      return "none";
    case admission::fifo:
      return "fifo";
    case admission::barging:
      return "barging";
    case admission::random:
      return "random";
    case admission::reader_first:
      return "reader_first";
    case admission::writer_first:
      return "writer_first";
    case admission::phase_fair:
      return "phase_fair";
  }
  return "";
}
constexpr std::string_view to_string(waiting w) {
  switch (w) {
    case waiting::none:
      return "none";
    case waiting::spin:
      return "spin";
    case waiting::spin_with_backoff:
      return "spin_with_backoff";
    case waiting::spin_then_park:
      return "spin_then_park";
    case waiting::park:
      return "park";
    case waiting::retry:
      return "retry";
  }
  return "";
}
constexpr std::string_view to_string(progress p) {
  switch (p) {
    case progress::wait_free:
      return "wait_free";
    case progress::lock_free:
      return "lock_free";
    case progress::obstruction_free:
      return "obstruction_free";
    case progress::blocking:
      return "blocking";
  }
  return "";
}
constexpr std::string_view to_string(delivery d) {
  switch (d) {
    case delivery::not_applicable:
      return "not_applicable";
    case delivery::fifo:
      return "fifo";
    case delivery::per_producer:
      return "per_producer";
    case delivery::k_relaxed:
      return "k_relaxed";
    case delivery::lifo:
      return "lifo";
  }
  return "";
}
constexpr std::string_view to_string(rung r) {
  switch (r) {
    case rung::no_sharing:
      return "no_sharing";
    case rung::atomic:
      return "atomic";
    case rung::mutex:
      return "mutex";
    case rung::shared_mutex:
      return "shared_mutex";
    case rung::channel:
      return "channel";
    case rung::sharded:
      return "sharded";
    case rung::lock_free:
      return "lock_free";
  }
  return "";
}

/// A list of types: the form in which the catalogue names a family.
template <class... T>
struct type_list {
  static constexpr std::size_t size = sizeof...(T);
};

}  // namespace contend
