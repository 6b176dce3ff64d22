#include "hgnn_moe/train/program.h"

#include <csignal>
#include <filesystem>
#include <iostream>
#include <new>
#include <string>

#include <c10/util/Exception.h>
#include <fcntl.h>
#include <unistd.h>

#include "hgnn_moe/base/error.h"
#include "hgnn_moe/base/files.h"
#include "hgnn_moe/base/log.h"
#include "hgnn_moe/config/train_options.h"
#include "hgnn_moe/train/dry_run.h"
#include "hgnn_moe/train/match_parameters.h"
#include "hgnn_moe/train/run_records.h"
#include "hgnn_moe/train/session.h"

namespace hgnn_moe {

namespace {

using RunSweep = int (*)(const ParsedConfig&);

int report(ExitCode code, const std::string& message) {
  std::cerr << "hgnn_moe_train: " << message << '\n';
  return static_cast<int>(code);
}

int report_out_of_memory(const TrainConfig& config) {
  return report(
      ExitCode::out_of_memory,
      fmt::format("out of memory: lower batch_size {} (raise gradient_accumulation_steps to keep "
                  "the step's size), max_seq_length {}, embed_dim {}, num_layers {} or num_experts "
                  "{}; --dry_run prints an estimate",
                  config.batch_size, config.max_seq_length, config.embed_dim, config.num_layers,
                  config.num_experts));
}

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

int print(const std::string& text) {
  write_standard_output(text);
  return 0;
}

int run(int argc, char** argv, RunSweep run_sweep, ParsedConfig& parsed) {
  parsed = parse_command_line(argc, argv);
  if (parsed.help) return print(help_text());
  if (parsed.version) return print(version_text());
  if (!parsed.config.sweep.empty()) return run_sweep(parsed);
  const bool is_matched = !parsed.config.match_parameters.empty();
  parsed = with_matched_parameters(parsed);
  if (!parsed.config.dry_run) return run_session(parsed);
  // A run says it in its log.
  if (is_matched) make_logger(parsed.config.quiet, std::nullopt)->info("{}", parsed.notes.back());
  return print(dry_run_record(parsed).dump(2) + "\n");
}

}  // namespace

int run_training_program(int argc, char** argv, RunSweep run_sweep) {
  open_standard_descriptors();
  // A file-size limit then is an error of write(), with its exit code, and does not kill.
  std::signal(SIGXFSZ, SIG_IGN);
  // A console that goes away must not take the training with it.
  std::signal(SIGPIPE, SIG_IGN);
  ParsedConfig parsed;  // outlives an exception, whose message names its values
  try {
    return run(argc, argv, run_sweep, parsed);
  } catch (const Error& error) {
    return report(error.code(), error.what());
  } catch (const std::filesystem::filesystem_error& error) {
    return report(ExitCode::disk, fmt::format("cannot use '{}': {}; check the path and its rights",
                                              error.path1().string(), error.code().message()));
  } catch (const std::bad_alloc&) {
    return report_out_of_memory(parsed.config);
  } catch (const c10::OutOfMemoryError&) {
    return report_out_of_memory(parsed.config);
  } catch (const c10::Error& error) {
    if (is_allocation_failure(error)) return report_out_of_memory(parsed.config);
    return report(ExitCode::internal, std::string("internal error: ") + error.what());
  } catch (const std::exception& error) {
    return report(ExitCode::internal, error.what());
  }
}

}  // namespace hgnn_moe
