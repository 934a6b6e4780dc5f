// SPDX-License-Identifier: MIT
// A fiber: a stack, and the thread-local storage of an OS thread that is parked meanwhile, both at fixed addresses.
#pragma once

#include <pthread.h>
#include <semaphore.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>

namespace contend::coherence {

/// Where a fiber stands while another one runs.
struct fiber_context {
  void* stack_pointer = nullptr;
  std::uint64_t thread_pointer = 0;  ///< FS base on x86-64, TPIDR_EL0 on arm64
};

/// Saves the caller into `from` and goes on with `to`.
void switch_fiber(fiber_context& from, const fiber_context& to) noexcept;

/// The caller's thread pointer, so that somebody can switch back to it.
[[nodiscard]] std::uint64_t thread_pointer() noexcept;

/// Whose stack or thread-local storage holds an address.
struct fiber_part {
  unsigned number = 0;
  bool stack = false;         ///< false: the thread-local storage, or the stack of the thread that lends it
  const void* end = nullptr;  ///< of the stack
};
[[nodiscard]] std::optional<fiber_part> fiber_part_at(const void* address) noexcept;

/// Whether an address lies in the stack that run_on_fixed_stack() calls on.
[[nodiscard]] bool on_fixed_stack(const void* address) noexcept;

/// Calls f on a stack at a fixed address, with the caller's thread-local storage. Passes on what it throws.
void run_on_fixed_stack(const std::function<void()>& f);

/// Stack and thread-local storage number `number`. Throws std::system_error if there is no memory for it.
class fiber_memory {
 public:
  /// The context starts at entry(), which never returns.
  fiber_memory(unsigned number, void (*entry)());
  /// The context starts at entry() again.
  void restart(void (*entry)()) noexcept;
  /// To be called before somebody switches to the context: by then many threads may have started side by side.
  void await();
  ~fiber_memory();
  fiber_memory(const fiber_memory&) = delete;
  fiber_memory& operator=(const fiber_memory&) = delete;
  fiber_context context;
  int thread_id = 0;  ///< of the OS thread whose storage is borrowed, as the C library's locks note their owners

 private:
  static void* lend(void* self);
  char* memory_ = nullptr;
  char* const stack_top_;
  pthread_t lender_{};
  sem_t lent_{};
  bool awaited_ = false;
  int done_ = -1;  ///< an eventfd
};

}  // namespace contend::coherence
