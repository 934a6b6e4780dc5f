// SPDX-License-Identifier: MIT
// Put before every source of a simulated program by contend_simulated(): the processor's pause instruction, which code
// reaches by the compiler's intrinsics, takes virtual time.
#pragma once

#if defined(__x86_64__) || defined(__i386__)
#ifdef __cplusplus
extern "C" void contend_virtual_relax() noexcept;
#else
void contend_virtual_relax(void);
#endif
#include <emmintrin.h>  // whose own _mm_pause() must be made before the name goes
#define _mm_pause contend_virtual_relax
#define __builtin_ia32_pause contend_virtual_relax
#endif
