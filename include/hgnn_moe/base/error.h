// The one error type of the program, its exit codes, and the assertion for our own bugs.
#pragma once

#include <stdexcept>
#include <string>
#include <utility>

#include <fmt/format.h>

namespace hgnn_moe {

// What the process returns; docs/usage.md lists the meanings for users.
enum class ExitCode : int {
  ok = 0,
  internal = 1,       // our own bug
  usage = 2,          // configuration, command line, a locked or occupied run folder
  data = 3,           // missing, truncated or inconsistent data
  checkpoint = 4,     // unreadable, corrupt or incompatible checkpoint
  diverged = 5,       // non-finite loss, gradient or weights
  out_of_memory = 6,  // host or device memory
  disk = 7,           // a full or unwritable file system
  self_check = 11,    // two implementations of one operation disagree
  rows_failed = 13,   // a sweep or a comparison ended with runs that are not done
};

// An error a user can act on. The message is one sentence that names the thing, its value and
// what to do. Several errors found together are joined by newlines.
class Error : public std::runtime_error {
 public:
  Error(ExitCode code, const std::string& message) : std::runtime_error(message), code_(code) {}

  ExitCode code() const { return code_; }

 private:
  ExitCode code_;
};

// A broken invariant of ours; never thrown for bad input.
class InternalError : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

// Throws Error with a fmt-formatted message.
template <typename... Args>
[[noreturn]] void fail(ExitCode code, fmt::format_string<Args...> format, Args&&... args) {
  throw Error(code, fmt::format(format, std::forward<Args>(args)...));
}

namespace detail {
[[noreturn]] void assertion_failed(const char* condition, const char* file, int line,
                                   const std::string& context);
}  // namespace detail

}  // namespace hgnn_moe

// Checks an invariant in every build type: HGNN_MOE_ASSERT(n >= 0, "n = {}", n).
#define HGNN_MOE_ASSERT(condition, ...)                                    \
  do {                                                                     \
    if (!(condition)) {                                                    \
      ::hgnn_moe::detail::assertion_failed(#condition, __FILE__, __LINE__, \
                                           ::fmt::format(__VA_ARGS__));    \
    }                                                                      \
  } while (false)
