#include "hgnn_moe/base/child_outcome.h"

#include <csignal>

#include "hgnn_moe/base/error.h"
#include "hgnn_moe/base/json.h"

namespace hgnn_moe {

namespace {

constexpr int kSignalBase = 128;  // exit codes of runs that a signal stopped

// An allocation that fails where nobody can catch it ends the process by SIGABRT.
std::string reason_of_signal(int signal, const std::string& said, bool memory_ran_out) {
  const bool allocation_failed = said.find("std::bad_alloc") != std::string::npos;
  const bool for_memory =
      (signal == SIGKILL && memory_ran_out) || (signal == SIGABRT && allocation_failed);
  return for_memory ? "out_of_memory" : "crashed";
}

std::string message_of_signal(int signal, bool memory_ran_out) {
  if (signal != SIGKILL) return fmt::format("ended by signal {}", signal);
  return memory_ran_out ? "killed by the kernel for lack of memory"
                        : "killed by SIGKILL: by the kernel for lack of memory, or by hand";
}

bool is_stop(const ChildEnd& end) {
  const int number = end.signal != 0 ? end.signal : end.exit_code - kSignalBase;
  return number == SIGINT || number == SIGTERM || number == SIGHUP;
}

// The program's own words, the last thing that it says; else its last line.
std::string last_words(const std::string& program, const std::string& said) {
  const std::string sign = program + ": ";
  std::size_t begin = said.rfind("\n" + sign);
  begin = begin != std::string::npos ? begin + 1 : (said.rfind(sign, 0) == 0 ? 0 : begin);
  std::string text = said;
  while (!text.empty() && text.back() == '\n') text.pop_back();
  if (begin != std::string::npos) return text.substr(begin + sign.size());
  const std::size_t line = text.rfind('\n');
  return line == std::string::npos ? text : text.substr(line + 1);
}

}  // namespace

// As the table of docs/sweeps.md has them.
std::string reason_of_exit(int exit_code) {
  switch (static_cast<ExitCode>(exit_code)) {
    case ExitCode::usage:
      return "bad_options";
    case ExitCode::data:
      return "data";
    case ExitCode::checkpoint:
      return "checkpoint";
    case ExitCode::diverged:
      return "diverged";
    case ExitCode::out_of_memory:
      return "out_of_memory";
    case ExitCode::disk:
      return kDiskReason;
    default:
      return "internal";
  }
}

ChildOutcome outcome_of_child(const ChildEnd& end, const std::string& program,
                              const std::string& said, bool memory_ran_out) {
  if (end.signal == 0 && end.exit_code == 0) return {};
  if (is_stop(end)) return {ChildStatus::stopped, "", ""};
  if (end.signal != 0) {
    return {ChildStatus::failed, reason_of_signal(end.signal, said, memory_ran_out),
            message_of_signal(end.signal, memory_ran_out)};
  }
  return {ChildStatus::failed, reason_of_exit(end.exit_code),
          valid_utf8(last_words(program, said))};
}

}  // namespace hgnn_moe
