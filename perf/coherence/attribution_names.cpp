// SPDX-License-Identifier: MIT
// See attribution_names.hpp.
#include "attribution_names.hpp"

#include <link.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <deque>
#include <string_view>

#include "engine.hpp"
#include "fiber.hpp"
#include "layout_symbols.hpp"
#include "source_lines.hpp"

extern "C" {
extern void* __libc_stack_end;
}

namespace contend::coherence {
namespace {

constexpr unsigned pointer_hops = 3;
constexpr std::size_t pointer_blocks = 4'000;           // blocks that are looked through for pointers
constexpr std::uint64_t pointer_bytes = 64 * 1024;      // of each
constexpr std::uint64_t first_stack = 8 * 1024 * 1024;  // the usual limit of the first thread's stack

/// What a function's local variable, or a class's own, is called there.
std::string last_name(std::string_view name) {
  std::size_t begin = 0;
  for (std::size_t at = 0, depth = 0; at + 1 < name.size(); ++at) {
    depth += name[at] == '<' || name[at] == '(';
    depth -= name[at] == '>' || name[at] == ')';
    if (depth == 0 && name[at] == ':' && name[at + 1] == ':') begin = at + 2;
  }
  return std::string(name.substr(begin));
}

/// Copies the process's own memory; what is not mapped is left zero.
std::vector<char> memory_at(std::uint64_t at, std::uint64_t size) {
  std::vector<char> out(size);
  const iovec to{out.data(), size};
  const iovec from{reinterpret_cast<void*>(at), size};
  (void)::process_vm_readv(::getpid(), &to, 1, &from, 1, 0);
  return out;
}

/// Of the program's block of thread-local storage: where it begins, from the thread pointer on.
std::optional<std::int64_t> thread_local_block() {
  struct found {
    std::uint64_t begin = 0, size = 0;
  } program;
  ::dl_iterate_phdr(
      [](dl_phdr_info* info, std::size_t size, void* out) {
        auto& mine = *static_cast<found*>(out);
        if (size >= offsetof(dl_phdr_info, dlpi_tls_data) + sizeof info->dlpi_tls_data)
          mine.begin = reinterpret_cast<std::uint64_t>(info->dlpi_tls_data);
        return 1;  // the first is the program
      },
      &program);
  if (program.begin == 0) return std::nullopt;
  return static_cast<std::int64_t>(program.begin - thread_pointer());
}

std::string thread_name(unsigned number) {
  if (current != nullptr && number + 1 == current->threads.size()) return "the conductor";
  return "thread " + std::to_string(number);
}

}  // namespace

std::string abridged(const std::string& name, unsigned depth) {
  std::string out;
  unsigned open = 0;
  for (std::size_t at = 0; at < name.size(); ++at) {
    const char c = name[at];
    const bool is_operator = out.ends_with("operator") || out.ends_with("operator<") || out.ends_with("operator>") ||
                             (c == '>' && out.ends_with('-'));
    if (!is_operator && c == '<' && ++open == depth + 1) out += "<…>";
    if (open <= depth) out += c;
    if (!is_operator && c == '>' && open > 0) --open;
  }
  return open == 0 ? out : name;
}

namespace {

/// What a std::function calls, for its invoker: libstdc++'s std::_Function_handler<signature, callee>::_M_invoke(…).
std::string called_function(const std::string& name) {
  constexpr std::string_view invoker = "std::_Function_handler<";
  if (!name.starts_with(invoker)) return name;
  unsigned open = 0;
  for (std::size_t at = invoker.size(), from = 0; at < name.size(); ++at) {
    const char c = name[at];
    if (c == ',' && open == 0 && from == 0) from = at + 2;
    if (c == '>' && open == 0) return from == 0 || from >= at ? name : name.substr(from, at - from);
    if (c == '<' || c == '(' || c == '{') ++open;
    if ((c == '>' || c == ')' || c == '}') && open > 0) --open;
  }
  return name;
}

}  // namespace

std::string shortened_name(std::string name) {
  name = called_function(name);
  for (const std::string_view scope :
       {"contend::bench::", "contend::coherence::", "contend::", "(anonymous namespace)::", "{anonymous}::"})
    for (std::size_t at = 0; (at = name.find(scope, at)) != std::string::npos;)
      if (at == 0 || (std::isalnum(static_cast<unsigned char>(name[at - 1])) == 0 && name[at - 1] != '_'))
        name.erase(at, scope.size());
      else
        ++at;
  for (const unsigned depth : {2U, 1U, 0U})
    if (name.size() > longest_name) name = abridged(name, depth);
  return name;
}

std::string c_library_call(std::string name) {
  constexpr std::string_view scope = "contend::coherence::posix::";
  if (!name.starts_with(scope)) return {};
  name.erase(0, scope.size());
  for (const std::string_view unnamed : {"(anonymous namespace)::", "{anonymous}::"})
    if (name.starts_with(unnamed)) name.erase(0, unnamed.size());
  name.erase(std::min(name.size(), name.find_first_of("(:<[")));
  constexpr std::pair<std::string_view, std::string_view> calls[] = {{"take", "pthread_mutex_lock"},
                                                                     {"sleep_and_take", "pthread_mutex_lock"},
                                                                     {"spin_and_take", "pthread_mutex_lock"},
                                                                     {"mutex_try_lock", "pthread_mutex_trylock"},
                                                                     {"mutex_lock_after_wait", "pthread_cond_wait"},
                                                                     {"condition_wait", "pthread_cond_wait"},
                                                                     {"await_signal", "pthread_cond_wait"},
                                                                     {"give_up", "pthread_cond_wait"},
                                                                     {"next_group", "pthread_cond_signal"},
                                                                     {"condition_signal", "pthread_cond_signal"},
                                                                     {"condition_broadcast", "pthread_cond_broadcast"},
                                                                     {"rwlock_read", "pthread_rwlock_rdlock"},
                                                                     {"rwlock_write", "pthread_rwlock_wrlock"},
                                                                     {"rwlock_try_read", "pthread_rwlock_tryrdlock"},
                                                                     {"rwlock_try_write", "pthread_rwlock_trywrlock"},
                                                                     {"stay_behind_writer", "pthread_rwlock_rdlock"},
                                                                     {"become_writer", "pthread_rwlock_wrlock"},
                                                                     {"spin_try_lock", "pthread_spin_trylock"},
                                                                     {"semaphore_wait", "sem_wait"},
                                                                     {"semaphore_try_wait", "sem_trywait"},
                                                                     {"semaphore_post", "sem_post"}};
  for (const auto& [ours, theirs] : calls)
    if (name == ours) return std::string(theirs);
  for (const std::string_view kind : {"mutex_", "rwlock_", "barrier_", "spin_"})
    if (name.starts_with(kind)) return "pthread_" + name;
  return name;
}

namer::namer() : objects_(known_objects()), blocks_(heap_blocks()) {
  for (const auto& one : blocks_) {
    largest_block_ = std::max(largest_block_, one.size);
    ++blocks_of_stack_[one.stack];
  }
}

named_thing namer::at(std::uint64_t address) {
  if (auto found = object_at(address)) return *found;
  if (auto found = stack_or_thread_local_at(address)) return *found;
  if (auto found = block_at(address)) return *found;
  if (auto found = variable_at(address)) return *found;
  if (auto found = symbol_at(address)) return *found;
  named_thing out;
  out.at = address;
  out.size = 1;
  out.object = unknown_object;
  return out;
}

std::optional<named_thing> namer::object_at(std::uint64_t address) {
  const known_object* found = nullptr;
  for (const auto& one : objects_)
    if (address >= one.at && address - one.at < one.size) found = &one;
  if (found == nullptr) return std::nullopt;
  named_thing out;
  const std::string name = demangled(found->type->name());
  out.at = out.type_at = found->at;
  out.size = found->size;
  out.object = shortened_name(name);
  out.prefix = found->role;
  out.type = layout_index::of_program().type_named(name);
  out.has_offsets = true;
  if (!layout_index::of_program().has_debug_information()) out.remark = "no debug information";
  return out;
}

std::optional<named_thing> namer::stack_or_thread_local_at(std::uint64_t address) {
  named_thing out;
  const auto part = fiber_part_at(reinterpret_cast<const void*>(address));
  if (!part.has_value()) {
    const auto end = reinterpret_cast<std::uint64_t>(__libc_stack_end);
    const bool fixed = on_fixed_stack(reinterpret_cast<const void*>(address));
    if (!fixed && (address >= end || end - address > first_stack)) return std::nullopt;
    out.at = address;
    out.size = 1;
    out.object = "stack of the program's first thread";
    return out;
  }
  const std::string whose = thread_name(part->number);
  out.at = address;
  out.size = 1;
  out.object = (part->stack ? "stack of " : "thread-local storage of ") + whose;
  if (part->stack || current == nullptr || part->number >= current->threads.size() ||
      current->threads[part->number].memory == nullptr)
    return out;
  const auto block = thread_local_block();
  if (!block.has_value()) return out;
  const std::uint64_t begin =
      current->threads[part->number].memory->context.thread_pointer + static_cast<std::uint64_t>(*block);
  const static_variable* const variable = layout_index::of_program().thread_local_at(address - begin);
  if (variable == nullptr) return out;
  out.at = out.type_at = begin + variable->at;
  out.size = variable->size;
  out.prefix = last_name(variable->name);
  out.object = shortened_name(variable->name) + " of " + whose;
  out.remark = "of " + whose;
  out.type = variable->type;
  return out;
}

std::optional<named_thing> namer::variable_at(std::uint64_t address) {
  const static_variable* const variable = layout_index::of_program().variable_at(address);
  if (variable == nullptr) return std::nullopt;
  named_thing out;
  out.at = out.type_at = variable->at;
  out.size = variable->size;
  out.object = shortened_name(variable->name);
  out.prefix = last_name(variable->name);
  out.type = variable->type;
  return out;
}

std::optional<named_thing> namer::symbol_at(std::uint64_t address) {
  const auto symbol = data_symbol_at(address);
  if (!symbol.has_value()) return std::nullopt;
  named_thing out;
  out.at = symbol->at;
  out.size = symbol->size;
  out.object = out.prefix = shortened_name(symbol->name);
  out.has_offsets = true;
  out.remark =
      layout_index::of_program().has_debug_information() ? "symbol without debug information" : "no debug information";
  return out;
}

const heap_block* namer::find_block(std::uint64_t address) const {
  const heap_block* found = nullptr;
  auto after = std::upper_bound(blocks_.begin(), blocks_.end(), address,
                                [](std::uint64_t value, const heap_block& b) { return value < b.at; });
  while (after != blocks_.begin()) {
    --after;
    if (address - after->at >= largest_block_) break;
    if (address - after->at < after->size && (found == nullptr || after->sequence > found->sequence)) found = &*after;
  }
  return found;
}

void namer::follow_pointers() {
  if (followed_) return;
  followed_ = true;
  struct place {
    typed_block what;
    unsigned hops;
  };
  std::deque<place> waiting;
  for (const auto& one : objects_) {
    const auto known = object_at(one.at);
    if (known.has_value() && known->type != 0)
      waiting.push_back({{known->type, one.at, 0, known->prefix, known->object}, 0});
  }
  for (std::size_t seen = 0; !waiting.empty() && seen < pointer_blocks; ++seen) {
    const auto [from, hops] = waiting.front();
    waiting.pop_front();
    const std::uint64_t size =
        std::min(size_of_type(from.type) * std::max<std::uint64_t>(from.count, 1), pointer_bytes);
    const std::vector<char> memory = memory_at(from.at, size);
    const auto fields = from.count == 0 ? fields_of(from.type, from.path, 0, size)
                                        : fields_of_array(from.type, from.path, from.count, 0, size);
    for (const auto& f : fields) {
      std::uint64_t value = 0;
      if (f.points_to == 0 || f.size != sizeof value || f.offset + f.size > size) continue;
      std::memcpy(&value, memory.data() + f.offset, sizeof value);
      const heap_block* const block = value != 0 ? find_block(value) : nullptr;
      if (block == nullptr || typed_.count(block->at) != 0) continue;
      const std::uint64_t count = (block->at + block->size - value) / size_of_type(f.points_to);
      if (count == 0) continue;
      typed_block to{f.points_to, value, count, f.name, from.owner};
      if (count == 1) {
        to.count = 0;
        to.path += "->";
      }
      typed_block& like = typed_stack_[block->stack];
      if (like.type == 0) like = {to.type, value - block->at, to.count, {}, {}};
      typed_[block->at] = to;
      if (hops + 1 < pointer_hops) waiting.push_back({std::move(to), hops + 1});
    }
  }
}

std::string namer::allocated_at(std::uint32_t stack) {
  std::string fallback;
  for (const void* const frame : allocation_frames(stack)) {
    if (frame == nullptr) break;
    const source_place place = source_of(frame);
    if (place.line == 0) {
      if (const std::string symbol = place_of(frame); fallback.empty() && !symbol.starts_with("0x")) fallback = symbol;
      continue;
    }
    if (place.file.find("/c++/") != std::string::npos || place.file.find("perf/coherence/") == 0) continue;
    return "allocated at " + place.file + ":" + std::to_string(place.line) +
           (place.function.empty() ? "" : " (" + shortened_name(place.function) + ")");
  }
  return fallback.empty() ? "allocated on the heap" : "allocated at " + fallback;
}

std::optional<named_thing> namer::block_at(std::uint64_t address) {
  const heap_block* const block = find_block(address);
  if (block == nullptr) return std::nullopt;
  follow_pointers();
  named_thing out;
  out.at = block->at;
  out.size = block->size;
  const std::string where = allocated_at(block->stack);
  const auto typed = typed_.find(block->at);
  const auto alike = typed_stack_.find(block->stack);
  const bool one_of_many = block->stack != 0 && blocks_of_stack_[block->stack] > 1;
  if (typed != typed_.end() && (typed->second.count != 0 || !one_of_many)) {
    const auto& known = typed->second;
    out.object = known.owner;
    out.prefix = known.path;
    out.type = known.type;
    out.type_at = known.at;
    out.elements = known.count;
  } else if (alike != typed_stack_.end() && alike->second.type != 0 && block->stack != 0) {
    // One of many nodes: which pointer leads to it now says little; those that were asked for here are of one type.
    const auto& known = alike->second;
    const std::string name = shortened_name(layout_index::of_program().name_of(known.type));
    out.object = (name.empty() ? "" : name + " ") + where;
    out.type = known.type;
    out.type_at = block->at + known.at;
    out.elements = known.count == 0 ? 0 : (block->size - known.at) / size_of_type(known.type);
  } else {
    out.object = std::to_string(block->size) + " bytes " + where;
    out.has_offsets = true;
  }
  return out;
}

}  // namespace contend::coherence
