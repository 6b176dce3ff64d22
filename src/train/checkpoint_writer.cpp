#include "hgnn_moe/train/checkpoint_writer.h"

#include <chrono>
#include <exception>
#include <system_error>
#include <utility>

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <c10/util/llvmMathExtras.h>
#include <sys/resource.h>

#include "hgnn_moe/base/error.h"
#include "hgnn_moe/train/checkpoint_folder.h"
#include "hgnn_moe/train/device.h"

namespace hgnn_moe {

namespace {

// Of 20 steps of niceness, each a tenth of the share of the CPU: a thread that computes loses
// little to the writer, and the writer still has its turn.
constexpr int kNiceness = 10;

void lower_priority() {
  // On Linux of the calling thread alone. A failure costs speed and nothing else.
  (void)::setpriority(PRIO_PROCESS, 0, kNiceness);
}

// Tensors of the same names, types and shapes on the host, pinned where a GPU copies into them.
ParameterList make_host_tensors(const ParameterList& tensors) {
  ParameterList host;
  for (const NamedParameter& entry : tensors) {
    const auto options =
        at::dtype(entry.tensor.scalar_type()).pinned_memory(entry.tensor.is_cuda());
    host.push_back({entry.name, at::empty(entry.tensor.sizes(), options)});
  }
  return host;
}

// Of host memory that make_host_tensors takes. LibTorch's allocator of page-locked memory rounds
// each tensor up to a power of two.
std::int64_t host_bytes_of(const ParameterList& tensors) {
  std::int64_t bytes = 0;
  for (const NamedParameter& entry : tensors) {
    const std::uint64_t own = entry.tensor.nbytes();
    bytes += static_cast<std::int64_t>(entry.tensor.is_cuda() ? c10::llvm::PowerOf2Ceil(own) : own);
  }
  return bytes;
}

void copy_to_host(const ParameterList& from, const ParameterList& host) {
  HGNN_MOE_ASSERT(from.size() == host.size(), "{} tensors for {}", from.size(), host.size());
  const c10::NoGradGuard no_grad;
  for (std::size_t i = 0; i < from.size(); ++i) {
    at::Tensor(host[i].tensor).copy_(from[i].tensor, /*non_blocking=*/true);
  }
}

}  // namespace

CheckpointWriter::CheckpointWriter(CheckpointTarget target, CheckpointTensors tensors,
                                   MetricsWriter& metrics, spdlog::logger& log,
                                   AvailableMemory available)
    : target_(std::move(target)),
      tensors_(std::move(tensors)),
      metrics_(metrics),
      log_(log),
      available_memory_(std::move(available)) {}

CheckpointWriter::~CheckpointWriter() {
  try {
    wait();
  } catch (const std::exception& error) {
    log_.error("{}", error.what());
  }
}

void CheckpointWriter::save(const TrainingState& state) {
  wait();
  if (!take_snapshot()) return write(tensors_, state);
  try {
    pending_ = std::async(std::launch::async, [this, state] {
      lower_priority();
      write(snapshot_, state);
    });
  } catch (const std::system_error&) {  // no thread to be had
    write(snapshot_, state);
  }
}

void CheckpointWriter::save_now(const TrainingState& state) {
  wait();
  write(tensors_, state);
}

void CheckpointWriter::check() {
  const bool ended =
      pending_.valid() && pending_.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
  if (ended) wait();
}

void CheckpointWriter::wait() {
  if (pending_.valid()) pending_.get();
}

Error CheckpointWriter::first_divergence(const Error& error) {
  try {
    wait();
  } catch (const Error& failure) {
    if (failure.code() == ExitCode::diverged) return failure;
    log_.error("{}", failure.what());
  } catch (const std::exception& failure) {
    log_.error("{}", failure.what());
  }
  return error;
}

// False where there is no memory for it.
bool CheckpointWriter::take_snapshot() {
  if (!in_background_) return false;
  if (snapshot_.parameters.empty() && !make_snapshot()) {
    in_background_ = false;
    log_.warn("there is no memory for a copy of the weights: training waits for checkpoints");
    return false;
  }
  copy_to_host(tensors_.parameters, snapshot_.parameters);
  copy_to_host(tensors_.optimizer_state, snapshot_.optimizer_state);
  wait_for(tensors_.parameters.front().tensor.device());
  return true;
}

// The same. The kernel hands out more memory than there is and kills the process that uses it, so
// what is left is asked before.
bool CheckpointWriter::make_snapshot() {
  const std::optional<std::int64_t> available = available_memory_();
  const std::int64_t needed =
      host_bytes_of(tensors_.parameters) + host_bytes_of(tensors_.optimizer_state);
  if (available.has_value() && needed > *available) return false;
  try {
    snapshot_ = {make_host_tensors(tensors_.parameters),
                 make_host_tensors(tensors_.optimizer_state)};
    return true;
  } catch (const c10::Error&) {
    return false;
  }
}

// Called by the thread too: of the trainer's objects it touches the descriptor of metrics_ alone,
// which never changes.
void CheckpointWriter::write(const CheckpointTensors& tensors, const TrainingState& state) {
  metrics_.sync();  // up to state.metrics_length at least
  save_checkpoint(target_.run_folder, tensors, state, target_.notes);
  prune_checkpoints(target_.run_folder, target_.keep);
}

}  // namespace hgnn_moe
