// SPDX-License-Identifier: MIT
// Asks libpfm4, which knows the names and encodings of events of most processors.
#include "perf/counters/pfm.hpp"

#include <perfmon/pfmlib_perf_event.h>

#include <cstdlib>
#include <mutex>
#include <utility>

#include "perf/host/text.hpp"

namespace contend::counters {
namespace {

/// libpfm4 encodes events of processors that are not here only with LIBPFM_ENCODE_INACTIVE in the environment when it
/// is initialised; the variable is put back as it was.
bool ready() {
  static const bool initialised = [] {
    constexpr const char* name = "LIBPFM_ENCODE_INACTIVE";
    const bool there = std::getenv(name) != nullptr;
    if (!there) ::setenv(name, "1", 1);
    const bool done = ::pfm_initialize() == PFM_SUCCESS;
    if (!there) ::unsetenv(name);
    return done;
  }();
  return initialised;
}

struct encoding {
  event what;
  bool here = false;  ///< of a PMU of this machine
  std::string pmu;    ///< its description: "Intel Skylake X"
};

std::optional<encoding> encode(const std::string& name) {
  static std::mutex alone;  // libpfm4 does not promise to be safe in several threads
  const std::lock_guard lock(alone);
  if (!ready()) return std::nullopt;
  perf_event_attr attr{};
  attr.size = sizeof attr;
  pfm_perf_encode_arg_t request{};
  request.size = sizeof request;
  request.attr = &attr;
  char* full_name = nullptr;
  request.fstr = &full_name;
  if (::pfm_get_os_event_encoding(name.c_str(), PFM_PLM0 | PFM_PLM3, PFM_OS_PERF_EVENT, &request) != PFM_SUCCESS)
    return std::nullopt;
  encoding found;
  found.what.type = attr.type;
  found.what.config = attr.config;
  found.what.config1 = attr.config1;
  found.what.name = name;
  found.what.source = "libpfm4";
  std::free(full_name);
  pfm_event_info_t event_info{};
  event_info.size = sizeof event_info;
  pfm_pmu_info_t pmu_info{};
  pmu_info.size = sizeof pmu_info;
  if (::pfm_get_event_info(request.idx, PFM_OS_PERF_EVENT, &event_info) == PFM_SUCCESS &&
      ::pfm_get_pmu_info(event_info.pmu, &pmu_info) == PFM_SUCCESS) {
    found.here = pmu_info.is_present != 0;
    found.pmu = pmu_info.desc;
  }
  return found;
}

}  // namespace

std::optional<event> encode_with_libpfm4(const std::string& name) {
  auto found = encode(name);
  if (!found) return std::nullopt;
  return std::move(found->what);
}

std::optional<event> resolve_with_libpfm4(const std::string& name) {
  auto found = encode(name);
  if (!found) return std::nullopt;
  if (!found->here)
    throw bad_event(host::joined({"--events: '", name, "' is an event of another processor (", found->pmu,
                                  "); expected one of this machine's"}));
  return std::move(found->what);
}

}  // namespace contend::counters
