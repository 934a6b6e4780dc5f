// SPDX-License-Identifier: MIT
// Part of every program of a build with ThreadSanitizer: what is not to be reported, each with its reason.
extern "C" const char* __tsan_default_suppressions();
extern "C" const char* __tsan_default_suppressions() {
  // libstdc++ 12's std::atomic<std::shared_ptr>::load() gives its lock bit back with relaxed order, so its read of the
  // pointer is not ordered before the next writer's store. The defect is the library's; nothing of ours is in the
  // frame.
  return "race:std::_Sp_atomic\n";
}
