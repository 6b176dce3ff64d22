// Child processes for tests of whole programs: started, watched, killed, and never left behind.
#pragma once

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

namespace hgnn_moe {

struct ProcessOptions {
  std::filesystem::path folder;                    // working folder; empty: the test's own
  std::map<std::string, std::string> environment;  // added; an empty value removes the variable
  std::optional<long> file_size_limit;             // bytes; writing more fails as on a full disk
  std::optional<long> address_space_limit;         // bytes, of the process and of its children each
};

struct ProcessResult {
  int exit_code = -1;  // -1 where a signal ended it
  int signal = 0;      // 0 where it returned
  std::string out;     // all of standard output
  std::string err;     // all of standard error
};

class Process {
 public:
  // Starts command[0] with the rest as arguments. Throws std::runtime_error where that fails.
  Process(const std::vector<std::string>& command, const ProcessOptions& options);
  ~Process();  // kills it unless wait() has seen its end
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  void send(int signal) const;
  bool is_running();

  // Throws std::runtime_error, with what it has said so far, where it still runs after `limit`.
  ProcessResult wait(std::chrono::seconds limit = std::chrono::seconds(300));

 private:
  struct CloseFile {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  // Files, not pipes: a child that says much never waits for its reader.
  using TemporaryFile = std::unique_ptr<std::FILE, CloseFile>;

  TemporaryFile out_;
  TemporaryFile err_;
  pid_t pid_ = -1;
  std::optional<int> status_;  // of waitpid, once it has ended
};

ProcessResult run_process(const std::vector<std::string>& command, const ProcessOptions& options);

}  // namespace hgnn_moe
