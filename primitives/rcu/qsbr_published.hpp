// SPDX-License-Identifier: MIT
// A published value whose readers say when they hold nothing.
#pragma once

#include "detail/domain_published.hpp"
#include "domain/qsbr_domain.hpp"
#include "rcu.hpp"

namespace contend {

/// Reading is wait-free and free: one load of the pointer, no store. Each reader calls quiescent() regularly and goes
/// offline() before it blocks or stops; update() and synchronize() count as quiescent. A nested read() sees the outer
/// version or a newer one; both stay alive. A reader that does not call keeps everything retired meanwhile: the backlog
/// grows to its limit, then update() waits and reports. Source: see qsbr_domain.
template <class T>
class qsbr_published : public detail::domain_published<T, qsbr_domain, false> {
 public:
  static constexpr contend::facts facts{
      .name = "qsbr",
      .summary = "quiescent-state-based reclamation: reading is one load, readers call quiescent()",
      .waits = waiting::none,
      .guarantees = progress::wait_free,
      .step = rung::lock_free,
      .source = "McKenney and Slingwine 1998; Hart et al. 2007, section 2.1"};
  using detail::domain_published<T, qsbr_domain, false>::domain_published;
};

}  // namespace contend
