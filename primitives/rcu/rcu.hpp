// SPDX-License-Identifier: MIT
// The contract of the rcu family: one value that many read and few replace.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>

#include "../facts.hpp"
#include "../generic.hpp"

namespace contend {

/// A published value of T. Every thread that reads or updates holds a `reader` from register_thread() (RAII: its
/// destruction unregisters) and passes it to each call; a reader is used by one thread at a time.
///   read(reader, f)    calls f(const T&) on one version, which stays alive until f returned; returns f's result by
///                      value. A nested read sees the outer version, or a newer one where the primitive says so.
///   update(reader, f)  calls f(T&), which returns nothing, on a private copy of the newest version, then publishes it;
///                      updates do not lose each other: if another came first, all is done again, so f may be called
///                      more than once. f runs outside of every lock and section: it may read, and an update by the
///                      same reader inside f joins the running one. The old version is retired: freed after every
///                      reader that could see it left. Where the backlog has a limit, update waits while it is full.
///   quiescent(reader)  says that the thread holds no reference now; needed by QSBR, free elsewhere.
///   synchronize(reader) waits until all versions retired before the call are freed or unreachable.
///   backlog()          versions retired and not yet freed, an estimate while others update.
///   reader.offline(), reader.online()  around a time in which the thread blocks or does not read; needed by QSBR,
///                      where reclamation and full updates wait for a reader that is registered, online and silent.
/// update, synchronize, quiescent and offline are not called inside read (asserted where it can be).
/// Memory effect: what happened before update() published happens before f in every read that sees that version.
template <class P, class T>
concept published = described<P> && std::constructible_from<P, const T&> &&
    requires(P& p, typename P::reader& r, int (*reader)(const T&), void (*writer)(T&)) {
  { p.register_thread() } -> std::same_as<typename P::reader>;
  { p.read(r, reader) } -> std::same_as<int>;
  p.update(r, writer);
  p.quiescent(r);
  p.synchronize(r);
  { p.backlog() } -> std::same_as<std::size_t>;
  r.offline();
  r.online();
};

}  // namespace contend
