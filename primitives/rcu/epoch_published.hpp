// SPDX-License-Identifier: MIT
// A published value whose old versions wait two epochs.
#pragma once

#include "detail/domain_published.hpp"
#include "domain/epoch_domain.hpp"
#include "rcu.hpp"

namespace contend {

/// Reading is wait-free: one seq_cst store to a line of the reader's own. A nested read() sees the outer version. A
/// stalled reader keeps everything retired meanwhile: the backlog grows to its limit, then update() waits and reports.
/// Source: see epoch_domain.
template <class T>
class epoch_published : public detail::domain_published<T, epoch_domain, true> {
 public:
  static constexpr contend::facts facts{
      .name = "epoch",
      .summary = "epoch-based reclamation: a reader announces the epoch it entered in",
      .waits = waiting::none,
      .guarantees = progress::wait_free,
      .step = rung::lock_free,
      .source = "Fraser 2004, Practical lock-freedom, section 5.2.3"};
  using detail::domain_published<T, epoch_domain, true>::domain_published;
};

}  // namespace contend
