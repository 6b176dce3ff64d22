#include "hgnn_moe/train/program.h"

#include <csignal>
#include <iostream>
#include <new>
#include <string>

#include <c10/util/Exception.h>

#include "hgnn_moe/base/error.h"
#include "hgnn_moe/config/train_options.h"
#include "hgnn_moe/train/dry_run.h"
#include "hgnn_moe/train/run_records.h"
#include "hgnn_moe/train/session.h"

namespace hgnn_moe {

namespace {

int report(ExitCode code, const std::string& message) {
  std::cerr << "hgnn_moe_train: " << message << '\n';
  return static_cast<int>(code);
}

int report_out_of_memory() {
  return report(ExitCode::out_of_memory,
                "out of memory: lower batch_size (raise gradient_accumulation_steps to keep the "
                "step's size), embed_dim or num_experts; --dry_run prints an estimate");
}

// LibTorch's CPU allocator throws a plain c10::Error.
bool is_allocation_failure(const c10::Error& error) {
  return std::string(error.what_without_backtrace()).find("DefaultCPUAllocator") !=
         std::string::npos;
}

int run(int argc, char** argv) {
  const ParsedConfig parsed = parse_command_line(argc, argv);
  if (parsed.help) {
    std::cout << help_text();
    return 0;
  }
  if (parsed.version) {
    std::cout << version_text();
    return 0;
  }
  if (parsed.config.dry_run) {
    std::cout << dry_run_record(parsed).dump(2) << '\n';
    return 0;
  }
  return run_session(parsed);
}

}  // namespace

int run_training_program(int argc, char** argv) {
  // A file-size limit then is an error of write(), with its exit code, and does not kill.
  std::signal(SIGXFSZ, SIG_IGN);
  try {
    return run(argc, argv);
  } catch (const Error& error) {
    return report(error.code(), error.what());
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
