// SPDX-License-Identifier: MIT
// Included before all else in a program that is simulated: the compiler's word that there is a thread sanitizer is
// taken back, because libraries change their memory orders and their code for one, and what ships is to run.
#pragma once

#undef __SANITIZE_THREAD__  // gcc's

#if defined(__clang__)  // __has_feature(thread_sanitizer)
// Every other feature is asked for by __has_extension, which says the same of those that the language has. Of the two
// arguments of CONTEND_SECOND the name of the feature makes three, the second of them 0, if it is the one to be hidden.
#define CONTEND_SECOND_OF(first, second, ...) second
#define CONTEND_SECOND(...) CONTEND_SECOND_OF(__VA_ARGS__, ~)
#define CONTEND_HIDDEN_thread_sanitizer ~, 0
#define CONTEND_HIDDEN___thread_sanitizer__ ~, 0
#define __has_feature(name) CONTEND_SECOND(CONTEND_HIDDEN_##name, __has_extension(name))
#endif
