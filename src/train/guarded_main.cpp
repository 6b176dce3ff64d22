#include "hgnn_moe/train/guarded_main.h"

#include <csignal>
#include <filesystem>
#include <iostream>
#include <new>

#include <c10/util/Exception.h>
#include <fcntl.h>
#include <unistd.h>

#include "hgnn_moe/base/error.h"

namespace hgnn_moe {

namespace {

// LibTorch's CPU allocator and CUDA's libraries throw a plain c10::Error.
bool is_allocation_failure(const c10::Error& error) {
  const std::string message = error.what_without_backtrace();
  for (const char* sign :
       {"DefaultCPUAllocator", "CUDA error: out of memory", "CUBLAS_STATUS_ALLOC_FAILED"}) {
    if (message.find(sign) != std::string::npos) return true;
  }
  return false;
}

// A file opened while descriptor 0, 1 or 2 is closed would get its number, and our messages.
void open_standard_descriptors() {
  for (const int descriptor : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(descriptor, F_GETFD) == -1) ::open("/dev/null", O_RDWR);
  }
}

}  // namespace

int guarded_main(const char* program, const std::function<int()>& run,
                 const std::function<std::string()>& advice) {
  const auto report = [program](ExitCode code, const std::string& message) {
    std::cerr << program << ": " << message << '\n';
    return static_cast<int>(code);
  };
  const auto report_out_of_memory = [&] {
    return report(ExitCode::out_of_memory, "out of memory: " + advice());
  };
  open_standard_descriptors();
  // A file-size limit then is an error of write(), with its exit code, and does not kill.
  std::signal(SIGXFSZ, SIG_IGN);
  // A console that goes away must not take the work with it.
  std::signal(SIGPIPE, SIG_IGN);
  try {
    return run();
  } catch (const Error& error) {
    return report(error.code(), error.what());
  } catch (const std::filesystem::filesystem_error& error) {
    return report(ExitCode::disk, fmt::format("cannot use '{}': {}; check the path and its rights",
                                              error.path1().string(), error.code().message()));
  } catch (const std::bad_alloc&) {
    return report_out_of_memory();
  } catch (const c10::OutOfMemoryError&) {
    return report_out_of_memory();
  } catch (const c10::Error& error) {
    if (is_allocation_failure(error)) return report_out_of_memory();
    return report(ExitCode::internal, std::string("internal error: ") + error.what());
  } catch (const std::exception& error) {
    return report(ExitCode::internal, error.what());
  }
}

}  // namespace hgnn_moe
