// SPDX-License-Identifier: MIT
// What the program tells of its memory while it runs, so that a cache line can be named afterwards: objects by their
// type, blocks of the heap by the place that asked for them. Cheap; names are looked up when they are wanted.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <typeinfo>
#include <vector>

namespace contend::coherence {

/// An object of this type lies at `at`, for top_lines() to name the fields of. `role`: a word or two that go in front
/// of its fields, or "". The object must live until top_lines() has been called (what its pointers point to is named
/// after them), or be forgotten before. Later ones win where two overlap.
void note_object(const void* at, std::size_t size, const std::type_info& type, const char* role);
void forget_object(const void* at) noexcept;

inline constexpr unsigned max_frames = 6;

/// A block of the heap was handed out. What lay there before is no more. `frames`: return addresses, the innermost
/// first, at most max_frames of them are kept. For an allocator to call: it allocates nothing and does not fail; when
/// there is no memory for its table the block stays unnoted. One thread at a time.
void note_allocation(const void* at, std::size_t size, const void* const* frames, unsigned count) noexcept;

/// The return addresses above a function of an allocator: its own, and those of its callers. By frame pointers, which
/// contend_simulated() has the compiler keep; from within a library without them by the unwinder. Returns how many.
unsigned walk_stack(const void* return_address, const void* frame_address, const void** out, unsigned at_most) noexcept;
/// For use in the function that is called: malloc and its like.
#define CONTEND_NOTE_ALLOCATION(at, size)                                                                           \
  do {                                                                                                              \
    const void* contend_frames[::contend::coherence::max_frames];                                                   \
    const unsigned contend_count = ::contend::coherence::walk_stack(                                                \
        __builtin_return_address(0), __builtin_frame_address(0), contend_frames, ::contend::coherence::max_frames); \
    ::contend::coherence::note_allocation(at, size, contend_frames, contend_count);                                 \
  } while (false)

// For attribution.cpp:

struct known_object {
  std::uint64_t at = 0;
  std::uint64_t size = 0;
  const std::type_info* type = nullptr;
  std::string role;
};
/// Those that still are, in the order in which they were noted.
[[nodiscard]] std::vector<known_object> known_objects();

struct heap_block {
  std::uint64_t at = 0;
  std::uint64_t size = 0;
  std::uint64_t sequence = 0;  ///< later ones win where two overlap
  std::uint32_t stack = 0;     ///< for allocation_frames()
};
/// All that were noted and not overwritten by one at the same address, in the order of their addresses.
[[nodiscard]] std::vector<heap_block> heap_blocks();
/// The frames that a block was asked for with; ends with nullptr if there are fewer.
[[nodiscard]] std::array<const void*, max_frames> allocation_frames(std::uint32_t stack);

}  // namespace contend::coherence
