// SPDX-License-Identifier: MIT
// The lists that the typed conformance tests are about: the catalogue's or, with CONTEND_TEST_PEERS, other people's.
#pragma once

#include "primitives/catalogue.hpp"

#if defined(CONTEND_TEST_PEERS)
#include "contend_peers/counter.hpp"
#include "contend_peers/lock.hpp"
#include "contend_peers/queue.hpp"
#include "contend_peers/rcu.hpp"
#include "contend_peers/rwlock.hpp"
#endif

namespace contend::tested {

#if defined(CONTEND_TEST_PEERS)
using peers::counters;
using peers::locks;
using peers::queues;
using peers::rcus;
using peers::rwlocks;
#else
using contend::counters;
using contend::locks;
using contend::queues;
using contend::rcus;
using contend::rwlocks;
#endif

}  // namespace contend::tested
