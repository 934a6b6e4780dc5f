// SPDX-License-Identifier: MIT
// See fiber.hpp. The parked thread exists for its thread-local storage alone: errno, malloc's caches and every
// thread_local of the program are then those of the simulated thread.
#include "fiber.hpp"

#include <sys/auxv.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <exception>
#include <stdexcept>
#include <system_error>
#include <utility>
#include <vector>

#if defined(__x86_64__)
#include <asm/prctl.h>
#endif

extern "C" void contend_switch_stack(void** save, void* to);

#if defined(__x86_64__)
asm(R"(
.text
.globl contend_switch_stack
.type contend_switch_stack, @function
contend_switch_stack:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size contend_switch_stack, .-contend_switch_stack
)");
#elif defined(__aarch64__)
asm(R"(
.text
.globl contend_switch_stack
.type contend_switch_stack, %function
contend_switch_stack:
  sub sp, sp, #176
  stp x19, x20, [sp, #0]
  stp x21, x22, [sp, #16]
  stp x23, x24, [sp, #32]
  stp x25, x26, [sp, #48]
  stp x27, x28, [sp, #64]
  stp x29, x30, [sp, #80]
  stp d8, d9, [sp, #96]
  stp d10, d11, [sp, #112]
  stp d12, d13, [sp, #128]
  stp d14, d15, [sp, #144]
  mov x9, sp
  str x9, [x0]
  mov sp, x1
  ldp x19, x20, [sp, #0]
  ldp x21, x22, [sp, #16]
  ldp x23, x24, [sp, #32]
  ldp x25, x26, [sp, #48]
  ldp x27, x28, [sp, #64]
  ldp x29, x30, [sp, #80]
  ldp d8, d9, [sp, #96]
  ldp d10, d11, [sp, #112]
  ldp d12, d13, [sp, #128]
  ldp d14, d15, [sp, #144]
  add sp, sp, #176
  ret
.size contend_switch_stack, .-contend_switch_stack
)");
#else
#error "contend's simulated threads know x86-64 and arm64"
#endif

namespace contend::coherence {
namespace {

// | offset             | what                                                          |
// |--------------------|---------------------------------------------------------------|
// | 0                  | a page that may not be touched: a stack that overflows, stops |
// | 4 KiB … 512 KiB    | the fiber's stack, downwards                                  |
// | 512 KiB … 1 MiB    | the lender's stack, with the thread-local storage at its top  |
constexpr std::uintptr_t region = 0x610000000000;
constexpr std::size_t stride = 1U << 20;
constexpr std::size_t guard = 4096;
constexpr std::size_t stack_end = stride / 2;
// Stacks that all end at the same place of a page would fight for the same few places of the caches of the processor
// that simulates. Whole lines of the widest kind apart, so that nothing lies differently in a line.
constexpr std::size_t color = 640;
constexpr std::size_t most_color = 16 * 1024;
static_assert(color % 128 == 0 && most_color % 128 == 0);
constexpr std::uintptr_t main_stack = 0x60f000000000;
constexpr std::size_t main_stack_size = 8U << 20;

[[noreturn]] void fail(int error, const char* what) { throw std::system_error(error, std::system_category(), what); }

#if defined(__x86_64__)
/// Bit 1 of AT_HWCAP2: user space may write the FS base itself; otherwise the kernel does it.
const bool may_write_fs = (::getauxval(AT_HWCAP2) & 2) != 0;
#endif

void set_thread_pointer(std::uint64_t value) noexcept {
#if defined(__x86_64__)
  if (may_write_fs)
    asm volatile("wrfsbase %0" : : "r"(value) : "memory");
  else
    asm volatile("syscall" : : "a"(SYS_arch_prctl), "D"(ARCH_SET_FS), "S"(value) : "rcx", "r11", "memory");
#else
  asm volatile("msr tpidr_el0, %0" : : "r"(value) : "memory");
#endif
}

}  // namespace

std::uint64_t thread_pointer() noexcept {
#if defined(__x86_64__)
  return reinterpret_cast<std::uint64_t>(::pthread_self());  // glibc: the thread's block points to itself
#else
  std::uint64_t value;
  asm volatile("mrs %0, tpidr_el0" : "=r"(value));
  return value;
#endif
}

void switch_fiber(fiber_context& from, const fiber_context& to) noexcept {
  set_thread_pointer(to.thread_pointer);
  contend_switch_stack(&from.stack_pointer, to.stack_pointer);
}

std::optional<fiber_part> fiber_part_at(const void* address) noexcept {
  const auto at = reinterpret_cast<std::uintptr_t>(address);
  if (at < region || at - region >= stride * (1U << 10)) return std::nullopt;
  const std::uintptr_t number = (at - region) / stride;
  return fiber_part{static_cast<unsigned>(number), at % stride < stack_end,
                    reinterpret_cast<const void*>(region + number * stride + stack_end)};
}

namespace {

/// The region of a number. It stays mapped when the fiber has gone: the next one of that number takes it as it is.
char* memory_of(unsigned number) {
  static std::vector<bool> mapped;
  char* const at = reinterpret_cast<char*>(region + number * stride);
  if (number < mapped.size() && mapped[number]) return at;
  if (::mmap(at, stride, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1,
             0) == MAP_FAILED)
    fail(errno, "cannot map the memory of a simulated thread at its fixed address");
  ::mprotect(at, guard, PROT_NONE);
  if (mapped.size() <= number) mapped.resize(number + 1);
  mapped[number] = true;
  return at;
}

}  // namespace

void* fiber_memory::lend(void* self) {
  auto* const mine = static_cast<fiber_memory*>(self);
  mine->context.thread_pointer = thread_pointer();
  mine->thread_id = static_cast<int>(::syscall(SYS_gettid));
  ::sem_post(&mine->lent_);
  // Not by a call that is a simulated thread's when it has this storage: the simulation may have begun by now.
  for (std::uint64_t done = 0; ::read(mine->done_, &done, sizeof done) != sizeof done;) {
  }
  return nullptr;
}

namespace {

/// Of the stack that run_on_fixed_stack() calls on; what is called, and what it threw.
struct {
  const std::function<void()>* f = nullptr;
  std::exception_ptr thrown;
  fiber_context inside;
  fiber_context outside;
} fixed;

void enter_fixed_stack() {
  try {
    (*fixed.f)();
  } catch (...) {
    fixed.thrown = std::current_exception();
  }
  contend_switch_stack(&fixed.inside.stack_pointer, fixed.outside.stack_pointer);
}

/// A stack on which the first switch goes to entry().
void* prepare_stack(char* end, void (*entry)()) noexcept {
  auto* top = reinterpret_cast<std::uint64_t*>(end);
#if defined(__x86_64__)
  *--top = 0;                                       // keeps the stack aligned as after a call
  *--top = reinterpret_cast<std::uint64_t>(entry);  // where the switch returns to
  for (int i = 0; i < 6; ++i) *--top = 0;
#else
  top -= 22;
  for (int i = 0; i < 22; ++i) top[i] = 0;
  top[11] = reinterpret_cast<std::uint64_t>(entry);  // x30
#endif
  return top;
}

}  // namespace

bool on_fixed_stack(const void* address) noexcept {
  return reinterpret_cast<std::uintptr_t>(address) - main_stack < main_stack_size;
}

void run_on_fixed_stack(const std::function<void()>& f) {
  if (fixed.f != nullptr) throw std::logic_error("run_on_fixed_stack() inside itself: there is one such stack");
  void* const at = reinterpret_cast<void*>(main_stack);
  char* const memory =
      static_cast<char*>(::mmap(at, main_stack_size, PROT_READ | PROT_WRITE,
                                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0));
  if (memory == MAP_FAILED) fail(errno, "cannot map a stack at its fixed address");
  ::mprotect(memory, guard, PROT_NONE);
  fixed.f = &f;
  contend_switch_stack(&fixed.outside.stack_pointer, prepare_stack(memory + main_stack_size, &enter_fixed_stack));
  fixed.f = nullptr;
  ::munmap(memory, main_stack_size);
  if (fixed.thrown) std::rethrow_exception(std::exchange(fixed.thrown, nullptr));
}

fiber_memory::fiber_memory(unsigned number, void (*entry)())
    : memory_(memory_of(number)), stack_top_(memory_ + stack_end - number * color % most_color) {
  ::sem_init(&lent_, 0, 0);
  done_ = ::eventfd(0, EFD_CLOEXEC);
  if (done_ < 0) fail(errno, "cannot make the event that ends a simulated thread");
  pthread_attr_t attributes;
  ::pthread_attr_init(&attributes);
  ::pthread_attr_setstack(&attributes, memory_ + stack_end, stride - stack_end);
  const int error = ::pthread_create(&lender_, &attributes, &lend, this);
  ::pthread_attr_destroy(&attributes);
  if (error != 0) {
    ::close(done_);
    fail(error, "cannot start the thread that lends a simulated one its thread-local storage");
  }
  restart(entry);
}

void fiber_memory::restart(void (*entry)()) noexcept { context.stack_pointer = prepare_stack(stack_top_, entry); }

void fiber_memory::await() {
  if (awaited_) return;
  while (::sem_wait(&lent_) != 0) {
  }
  awaited_ = true;
}

fiber_memory::~fiber_memory() {
  const std::uint64_t done = 1;
  while (::write(done_, &done, sizeof done) != sizeof done) {
  }
  ::pthread_join(lender_, nullptr);
  ::sem_destroy(&lent_);
  ::close(done_);
}

}  // namespace contend::coherence
