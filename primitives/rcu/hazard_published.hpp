// SPDX-License-Identifier: MIT
// A published value whose readers announce the version they hold.
#pragma once

#include "detail/domain_published.hpp"
#include "domain/hazard_domain.hpp"
#include "rcu.hpp"

namespace contend {

/// Reading is lock-free: one seq_cst store per try, again when an update came in between. A nested read() sees the
/// outer version. A stalled reader keeps the one version it reads and never makes update() wait (as long as the
/// backlog's limit is above the number of readers). Source: see hazard_domain.
template <class T>
class hazard_published : public detail::domain_published<T, hazard_domain, true> {
 public:
  static constexpr contend::facts facts{.name = "hazard_pointer",
                                        .summary = "hazard pointers: a reader announces the version it holds",
                                        .waits = waiting::retry,
                                        .guarantees = progress::lock_free,
                                        .step = rung::lock_free,
                                        .source = "Michael 2004, Hazard pointers, section 3"};
  using detail::domain_published<T, hazard_domain, true>::domain_published;
};

}  // namespace contend
