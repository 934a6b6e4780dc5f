// SPDX-License-Identifier: MIT
// What the processor itself says about a hypervisor. Only a header: the counters need it in programs without the rest.
#pragma once

#include <array>
#include <cstring>
#include <string>

#include "perf/host/text.hpp"

#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#endif

namespace contend::host {

/// CPUID leaf 0x40000000 of the processor that runs this, where there is one: "KVMKVMKVM"; else empty.
[[nodiscard]] inline std::string cpuid_signature() {
#if defined(__x86_64__) || defined(__i386__)
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (!__get_cpuid(1, &a, &b, &c, &d) || (c & (1U << 31)) == 0) return "";
  __cpuid(0x40000000, a, b, c, d);
  std::array<char, 13> text{};
  std::memcpy(text.data(), &b, 4);
  std::memcpy(text.data() + 4, &c, 4);
  std::memcpy(text.data() + 8, &d, 4);
  return std::string(trimmed(text.data()));
#else
  return "";
#endif
}

}  // namespace contend::host
