// SPDX-License-Identifier: MIT
// The machine that is simulated: its clusters and what each part of a coherence transaction takes.
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace contend::coherence {

/// Virtual time in picoseconds: whole numbers, so that every host computes the same.
using picoseconds = std::uint64_t;

inline constexpr unsigned max_cores = 128;

/// The legs of a transaction on one line. The directory serves one at a time per line: the request travels to it, it
/// probes the owner (or all sharers), the data travel to the requester, the acknowledgement closes it. Until the probe
/// arrives the owner goes on working on the line, so a hand-over carries several of its operations.
struct legs {
  picoseconds request = 0;
  picoseconds probe = 0;
  picoseconds data = 0;
  picoseconds acknowledge = 0;
};

/// How much longer or shorter than a machine says the legs of one transaction take. Threads that fight for a line would
/// otherwise fall into step, and one of them could lose every race.
struct legs_variation {
  std::uint8_t late = 0;
  std::uint8_t busy = 128;
  /// Up to a quarter longer; never shorter, since others rely on it.
  [[nodiscard]] picoseconds request(picoseconds leg) const noexcept { return leg + (leg * late >> 10); }
  /// From half to one and a half times as long.
  [[nodiscard]] picoseconds acknowledge(picoseconds leg) const noexcept { return leg - leg / 2 + (leg * busy >> 8); }
};

/// Who serves a line that one core has written and others read.
///   mesi   the first reader's transaction writes it back too; from then on the nearest copy serves a reader
///   moesi  nothing is written back: the core that wrote it stays its owner and serves every reader
/// A write-back travels beside the data and holds nobody up, so times differ only where some copy is nearer than the
/// owner.
enum class coherence_protocol : std::uint8_t { mesi, moesi };

/// A machine description; see machines/*.json for the files and where their figures are from.
struct machine {
  std::string name;
  std::string about;                           ///< which machine it stands for, and what it leaves out
  std::map<std::string, std::string> sources;  ///< by key of the file: where its figure is from
  std::string calibration;                     ///< JSON: the probes behind it; empty: it was not calibrated
  coherence_protocol protocol = coherence_protocol::mesi;
  unsigned line_size = 64;         ///< bytes: 64 or 128
  unsigned cores = max_cores;      ///< 1–128
  unsigned cores_per_cluster = 8;  ///< cores that share a last-level cache
  unsigned clusters_per_socket = 16;
  legs near;                     ///< both in one cluster
  legs far;                      ///< two clusters of a socket
  legs remote;                   ///< two sockets
  picoseconds load = 0;          ///< hit, as far as out-of-order execution does not hide it
  picoseconds store = 0;         ///< into the store buffer
  picoseconds rmw = 0;           ///< atomic read-modify-write on a line that is owned
  picoseconds rmw_overlap = 0;   ///< so long before one ends its thread goes on, unless it waits for that
  picoseconds fence = 0;         ///< sequentially consistent fence, the store buffer being empty
  picoseconds pause = 0;         ///< one relax()
  picoseconds memory = 0;        ///< first touch of a line
  unsigned store_buffer = 56;    ///< stores that may be under way
  picoseconds libc_call = 0;     ///< into the C library's locks and waits and back, besides their accesses
  picoseconds system_call = 0;   ///< into the kernel and back, nothing done
  picoseconds futex = 0;         ///< futex call that finds nothing to do: another value, or nobody to wake
  picoseconds block = 0;         ///< going to sleep: the call and the switch away
  picoseconds wake = 0;          ///< for the waker, per call that finds somebody
  picoseconds wake_latency = 0;  ///< until the woken thread runs

  /// The legs between two cores.
  [[nodiscard]] const legs& between(unsigned a, unsigned b) const noexcept {
    const unsigned cluster_a = a / cores_per_cluster;
    const unsigned cluster_b = b / cores_per_cluster;
    if (cluster_a == cluster_b) return near;
    return cluster_a / clusters_per_socket == cluster_b / clusters_per_socket ? far : remote;
  }
};

}  // namespace contend::coherence
