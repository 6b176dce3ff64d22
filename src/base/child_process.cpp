#include "hgnn_moe/base/child_process.h"

#include <cerrno>
#include <csignal>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hgnn_moe/base/error.h"

namespace hgnn_moe {

namespace {

namespace fs = std::filesystem;

// Not the path: the file there may be another one by now.
constexpr const char* kThisProgram = "/proc/self/exe";
constexpr int kCannotStart = 127;  // what a shell returns

std::string reason() { return std::generic_category().message(errno); }

// exec would do it, too late for a signal that comes before.
void drop_handlers() {
  for (int number = 1; number < NSIG; ++number) {
    struct sigaction action{};
    const bool found = sigaction(number, nullptr, &action) == 0;
    if (found && action.sa_handler != SIG_IGN) std::signal(number, SIG_DFL);
  }
}

// `to` as a copy of `from` that exec leaves open; where they are the same dup2 would do nothing.
bool place(int from, int to) {
  return from == to ? fcntl(from, F_SETFD, 0) == 0 : dup2(from, to) >= 0;
}

// The output first: it may lie where the input goes, in a program started without one.
bool place_streams(int output) {
  if (!place(output, STDOUT_FILENO) || !place(output, STDERR_FILENO)) return false;
  const int input = open("/dev/null", O_RDONLY | O_CLOEXEC);
  return input >= 0 && place(input, STDIN_FILENO);
}

// In the child, after fork: only async-signal-safe calls, because other threads of the parent may
// have held locks.
[[noreturn]] void become(char* const* arguments, int output, pid_t parent,
                         const sigset_t& signal_mask, const std::string& complaint) {
  drop_handlers();
  sigprocmask(SIG_SETMASK, &signal_mask, nullptr);
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  const bool is_orphan = getppid() != parent;  // it died before the line above
  if (!is_orphan && place_streams(output)) execv(kThisProgram, arguments);
  const ssize_t ignored = write(output, complaint.data(), complaint.size());
  static_cast<void>(ignored);
  _exit(kCannotStart);
}

}  // namespace

ChildProcess ChildProcess::start(const std::vector<std::string>& arguments,
                                 const fs::path& output) {
  const std::string program = program_path().string();
  std::vector<char*> argv = {const_cast<char*>(program.c_str())};
  for (const std::string& argument : arguments) {
    argv.push_back(const_cast<char*>(argument.c_str()));
  }
  argv.push_back(nullptr);
  const int file = open(output.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (file < 0) {
    fail(ExitCode::disk, "cannot write '{}': {}; free some space or fix the permissions",
         output.string(), reason());
  }
  const std::string complaint = program_path().filename().string() +
                                ": the program cannot be started again: its file is gone, memory "
                                "is short or its arguments are too long\n";
  const pid_t parent = getpid();
  // The child begins with this process's handlers, which would take a signal meant for it and do
  // nothing that it sees. Signals wait until it has dropped them.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const pid_t pid = fork();
  if (pid == 0) become(argv.data(), file, parent, before, complaint);
  const std::string why = pid < 0 ? reason() : "";
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  close(file);
  if (pid < 0) {
    fail(ExitCode::out_of_memory, "cannot start another process: {}; let fewer run side by side",
         why);
  }
  return ChildProcess(pid);
}

ChildProcess::~ChildProcess() {
  if (pid_ < 0) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

ChildProcess::ChildProcess(ChildProcess&& other) noexcept : pid_(std::exchange(other.pid_, -1)) {}

ChildProcess& ChildProcess::operator=(ChildProcess&& other) noexcept {
  std::swap(pid_, other.pid_);
  return *this;
}

std::optional<ChildEnd> ChildProcess::poll() {
  HGNN_MOE_ASSERT(pid_ >= 0, "poll() of a child that has ended");
  int status = 0;
  const pid_t ended = waitpid(pid_, &status, WNOHANG);
  if (ended == 0 || (ended < 0 && errno == EINTR)) return std::nullopt;
  const pid_t pid = std::exchange(pid_, -1);
  if (ended < 0) {
    fail(ExitCode::internal, "cannot learn how the run of process {} ended: {}; start again", pid,
         reason());
  }
  if (WIFSIGNALED(status)) return ChildEnd{0, WTERMSIG(status)};
  return ChildEnd{WEXITSTATUS(status), 0};
}

void ChildProcess::send(int signal) {
  if (pid_ >= 0) kill(pid_, signal);
}

fs::path program_path() { return fs::read_symlink(kThisProgram); }

}  // namespace hgnn_moe
