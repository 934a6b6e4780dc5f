// SPDX-License-Identifier: MIT
// THE list: one line per primitive. A header that is in a family's folder and not here fails a test.
#pragma once

#include "atomic/cas.hpp"
#include "atomic/cas_backoff.hpp"
#include "atomic/exchange.hpp"
#include "atomic/fences.hpp"
#include "atomic/fetch_add.hpp"
#include "atomic/load.hpp"
#include "atomic/metrics.hpp"
#include "atomic/mutex_integer.hpp"
#include "atomic/store.hpp"
#include "counter/counter_array.hpp"
#include "counter/mutex_counter.hpp"
#include "counter/one_atomic.hpp"
#include "counter/per_thread.hpp"
#include "counter/striped.hpp"
#include "facts.hpp"
#include "generic.hpp"
#include "lock/adaptive_mutex.hpp"
#include "lock/clh_lock.hpp"
#include "lock/mcs_lock.hpp"
#include "lock/no_lock.hpp"
#include "lock/sharded_mutex.hpp"
#include "lock/std_mutex.hpp"
#include "lock/tas_lock.hpp"
#include "lock/ticket_lock.hpp"
#include "lock/ttas_lock.hpp"
#include "queue/blocking_bounded.hpp"
#include "queue/bounded_mpmc.hpp"
#include "queue/michael_scott.hpp"
#include "queue/mutex_deque.hpp"
#include "queue/spsc_ring.hpp"
#include "rcu/atomic_shared_ptr_published.hpp"
#include "rcu/copy_on_write_published.hpp"
#include "rcu/epoch_published.hpp"
#include "rcu/hazard_published.hpp"
#include "rcu/mutex_published.hpp"
#include "rcu/qsbr_published.hpp"
#include "rcu/shared_mutex_published.hpp"
#include "rwlock/big_reader.hpp"
#include "rwlock/bravo.hpp"
#include "rwlock/left_right.hpp"
#include "rwlock/phase_fair.hpp"
#include "rwlock/reader_preferring.hpp"
#include "rwlock/seqlock.hpp"
#include "rwlock/std_mutex_rw.hpp"
#include "rwlock/std_shared_mutex.hpp"
#include "rwlock/writer_preferring.hpp"

namespace contend {

using locks = type_list<no_lock,         //
                        std_mutex,       //
                        adaptive_mutex,  //
                        tas_lock,        //
                        ttas_lock,       //
                        ticket_lock,     //
                        mcs_lock,        //
                        clh_lock,        //
                        sharded_mutex,   //
                        sharded_mutex_unpadded>;

using counters = type_list<mutex_counter,  //
                           one_atomic,     //
                           unpadded,       //
                           padded_64,      //
                           padded_128,     //
                           padded_256,     //
                           per_thread,     //
                           striped>;

using rwlocks = type_list<std_mutex_rw,         //
                          std_shared_mutex,     //
                          reader_preferring,    //
                          writer_preferring,    //
                          phase_fair,           //
                          generic<seqlock>,     //
                          big_reader,           //
                          generic<left_right>,  //
                          bravo>;

using atomics = type_list<mutex_integer,                                //
                          load_word<std::memory_order_relaxed>,         //
                          load_word<std::memory_order_acquire>,         //
                          load_word<std::memory_order_seq_cst>,         //
                          store_word<std::memory_order_relaxed>,        //
                          store_word<std::memory_order_release>,        //
                          store_word<std::memory_order_seq_cst>,        //
                          exchange_word<std::memory_order_relaxed>,     //
                          exchange_word<std::memory_order_acq_rel>,     //
                          exchange_word<std::memory_order_seq_cst>,     //
                          fetch_add_word<std::memory_order_relaxed>,    //
                          fetch_add_word<std::memory_order_acq_rel>,    //
                          fetch_add_word<std::memory_order_seq_cst>,    //
                          cas_word<std::memory_order_relaxed>,          //
                          cas_word<std::memory_order_acq_rel>,          //
                          cas_word<std::memory_order_seq_cst>,          //
                          cas_backoff_word<std::memory_order_relaxed>,  //
                          cas_backoff_word<std::memory_order_acq_rel>,  //
                          cas_backoff_word<std::memory_order_seq_cst>>;

using fences = type_list<no_fence,       //
                         fence_acq_rel,  //
                         fence_seq_cst,  //
                         asymmetric_fence>;

using metrics_pairs = type_list<mutex_metrics,  //
                                two_atomics,    //
                                ordered_pair,   //
                                packed_word,    //
                                seqlock_metrics>;

using rcus = type_list<generic<mutex_published>,              //
                       generic<shared_mutex_published>,       //
                       generic<atomic_shared_ptr_published>,  //
                       generic<copy_on_write_published>,      //
                       generic<epoch_published>,              //
                       generic<qsbr_published>,               //
                       generic<hazard_published>>;

using queues = type_list<generic<mutex_deque>,    //
                         generic<bounded_mpmc>,   //
                         generic<spsc_ring>,      //
                         generic<michael_scott>,  //
                         generic<blocking_bounded>>;

}  // namespace contend
