// This program, started again as a child of its own.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

namespace hgnn_moe {

// How a process ended: by returning, or by a signal.
struct ChildEnd {
  int exit_code = 0;
  int signal = 0;  // 0 where it returned
};

// A running child. It has a process group of its own, so that a Ctrl-C reaches it through its
// parent alone, and the kernel kills it when the parent dies.
class ChildProcess {
 public:
  // Runs this program with `arguments`; standard output and error go to the end of `output`.
  // Throws Error(disk) where the file cannot be opened, Error(out_of_memory) where there can be no
  // process. Call it from the main thread, whose end is the parent's death to the kernel.
  static ChildProcess start(const std::vector<std::string>& arguments,
                            const std::filesystem::path& output);
  ~ChildProcess();  // kills it where it still runs
  ChildProcess(ChildProcess&& other) noexcept;
  ChildProcess& operator=(ChildProcess&& other) noexcept;
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  // Nothing while it runs. Throws Error(internal) where the system has thrown its end away, as it
  // does while this process ignores SIGCHLD.
  std::optional<ChildEnd> poll();
  void send(int signal);
  pid_t pid() const { return pid_; }

 private:
  explicit ChildProcess(pid_t pid) : pid_(pid) {}

  pid_t pid_ = -1;  // -1 once it has ended and was waited for
};

// The path of this program.
std::filesystem::path program_path();

}  // namespace hgnn_moe
