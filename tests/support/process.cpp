#include "tests/support/process.h"

#include <csignal>
#include <cstdlib>
#include <stdexcept>
#include <thread>

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace hgnn_moe {

namespace {

constexpr std::chrono::milliseconds kPollInterval{1};
constexpr int kCannotStart = 127;  // what a shell returns

std::string content_of(std::FILE* file) {
  std::string content;
  char block[4096];
  std::rewind(file);
  for (std::size_t count = 0; (count = std::fread(block, 1, sizeof(block), file)) > 0;) {
    content.append(block, count);
  }
  return content;
}

// Whether that was possible, or not asked for.
bool limit_resource(__rlimit_resource resource, const std::optional<long>& bytes) {
  if (!bytes.has_value()) return true;
  const auto value = static_cast<rlim_t>(*bytes);
  const rlimit limit{value, value};
  return setrlimit(resource, &limit) == 0;
}

// In the child, after fork: never returns.
[[noreturn]] void become(const std::vector<std::string>& command, const ProcessOptions& options,
                         int out, int err) {
  // A test that is killed for its time limit takes the program it runs with it.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  for (const auto& [name, value] : options.environment) {
    if (value.empty()) {
      unsetenv(name.c_str());
    } else {
      setenv(name.c_str(), value.c_str(), 1);
    }
  }
  const bool is_limited = limit_resource(RLIMIT_FSIZE, options.file_size_limit) &&
                          limit_resource(RLIMIT_AS, options.address_space_limit);
  if (!is_limited) _exit(kCannotStart);
  std::vector<char*> arguments;
  for (const std::string& argument : command) {
    arguments.push_back(const_cast<char*>(argument.c_str()));
  }
  arguments.push_back(nullptr);
  const bool is_ready = dup2(out, STDOUT_FILENO) >= 0 && dup2(err, STDERR_FILENO) >= 0 &&
                        (options.folder.empty() || chdir(options.folder.c_str()) == 0);
  if (is_ready) execv(arguments[0], arguments.data());
  std::perror(arguments[0]);
  _exit(kCannotStart);
}

}  // namespace

Process::Process(const std::vector<std::string>& command, const ProcessOptions& options)
    : out_(std::tmpfile()), err_(std::tmpfile()) {
  if (out_ == nullptr || err_ == nullptr) throw std::runtime_error("no temporary file");
  pid_ = fork();
  if (pid_ < 0) throw std::runtime_error("fork failed for " + command.front());
  if (pid_ == 0) become(command, options, fileno(out_.get()), fileno(err_.get()));
}

Process::~Process() {
  if (status_.has_value()) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

void Process::send(int signal) const {
  // Once reaped, the number may belong to someone else.
  if (!status_.has_value()) kill(pid_, signal);
}

bool Process::is_running() {
  int status = 0;
  if (!status_.has_value() && waitpid(pid_, &status, WNOHANG) == pid_) status_ = status;
  return !status_.has_value();
}

ProcessResult Process::wait(std::chrono::seconds limit) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (is_running()) {
    if (std::chrono::steady_clock::now() > deadline) {
      throw std::runtime_error("a process still runs after its time; it said:\n" +
                               content_of(err_.get()));
    }
    std::this_thread::sleep_for(kPollInterval);
  }
  ProcessResult result;
  if (WIFEXITED(*status_)) result.exit_code = WEXITSTATUS(*status_);
  if (WIFSIGNALED(*status_)) result.signal = WTERMSIG(*status_);
  result.out = content_of(out_.get());
  result.err = content_of(err_.get());
  return result;
}

ProcessResult run_process(const std::vector<std::string>& command, const ProcessOptions& options) {
  return Process(command, options).wait();
}

}  // namespace hgnn_moe
