// SPDX-License-Identifier: MIT
// THE list: one line per primitive. A header that is in a family's folder and not here fails a test.
#pragma once

#include "facts.hpp"
#include "lock/no_lock.hpp"
#include "lock/std_mutex.hpp"
#include "lock/ttas_lock.hpp"

namespace contend {

using locks = type_list<no_lock,    //
                        std_mutex,  //
                        ttas_lock>;

}  // namespace contend
