#include "hgnn_moe/train/metrics.h"

#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hgnn_moe/base/error.h"
#include "hgnn_moe/base/json.h"

namespace hgnn_moe {
namespace {

[[noreturn]] void fail_with_errno(const char* action, const std::filesystem::path& path) {
  const std::string reason = std::strerror(errno);
  fail(ExitCode::disk, "cannot {} '{}': {}; free space or check its permissions", action,
       path.string(), reason);
}

Json number_or_null(const std::optional<double>& value) {
  return value ? Json(*value) : Json(nullptr);
}

}  // namespace

MetricsWriter::MetricsWriter(std::filesystem::path path) : path_(std::move(path)) {
  descriptor_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (descriptor_ < 0) {
    fail_with_errno("open", path_);
  }
  struct stat status{};
  if (::fstat(descriptor_, &status) != 0) {
    const int reason = errno;
    ::close(descriptor_);
    errno = reason;
    fail_with_errno("read", path_);
  }
  length_ = status.st_size;
}

MetricsWriter::~MetricsWriter() { ::close(descriptor_); }

void MetricsWriter::write(const StepEvent& event) {
  Json json;
  json["event"] = "step";
  json["step"] = event.step;
  json["epoch"] = event.epoch;
  json["loss"] = event.loss;
  json["learning_rate"] = event.learning_rate;
  json["grad_norm"] = event.grad_norm;
  json["tokens"] = event.tokens;
  json["tokens_per_s"] = event.tokens_per_s;
  json["data_ms"] = event.data_ms;
  json["forward_ms"] = event.forward_ms;
  json["backward_ms"] = event.backward_ms;
  json["optimizer_ms"] = event.optimizer_ms;
  json["memory_bytes"] = event.memory_bytes;
  append_line(json.dump() + "\n");
}

void MetricsWriter::write(const EvalEvent& event) {
  Json json;
  json["event"] = "eval";
  json["step"] = event.step;
  json["loss"] = event.loss;
  json["perplexity"] = event.perplexity;
  json["tokens"] = event.tokens;
  append_line(json.dump() + "\n");
}

void MetricsWriter::write(const CouplerEvent& event) {
  Json json;
  json["event"] = "coupler";
  json["step"] = event.step;
  json["layer"] = event.layer;
  if (event.coupler_layer) {
    json["coupler_layer"] = *event.coupler_layer;
  }
  if (event.hyperedge_weights) {
    json["hyperedge_weights"] = *event.hyperedge_weights;
  }
  if (event.adjacency) {
    json["adjacency"] = *event.adjacency;
  }
  json["mixing"] = event.mixing;
  append_line(json.dump() + "\n");
}

void MetricsWriter::write(const LayerEvent& event) {
  Json json;
  json["event"] = "layer";
  json["step"] = event.step;
  json["layer"] = event.layer;
  json["expert_norms"] = event.expert_norms;
  json["expert_cka"] = event.expert_cka;
  json["dirichlet_before"] = number_or_null(event.dirichlet_before);
  json["dirichlet_after"] = number_or_null(event.dirichlet_after);
  json["second_eigenvalue"] = number_or_null(event.second_eigenvalue);
  json["hyperedge_weight_grad_norm"] = number_or_null(event.hyperedge_weight_grad_norm);
  append_line(json.dump() + "\n");
}

void MetricsWriter::sync() {
  if (::fsync(descriptor_) != 0) {
    fail_with_errno("write", path_);
  }
}

void MetricsWriter::check_length(std::int64_t length) const {
  if (length > length_) {
    fail(ExitCode::checkpoint,
         "'{}' has {} bytes, but had {} when the checkpoint was saved: it was changed since, so "
         "resume from an earlier checkpoint or start again with --overwrite",
         path_.string(), length_, length);
  }
  char last = '\n';
  if (length > 0 && ::pread(descriptor_, &last, 1, length - 1) != 1) {
    fail_with_errno("read", path_);
  }
  if (last != '\n') {
    fail(
        ExitCode::checkpoint,
        "'{}' has no end of line at byte {}, where the checkpoint was saved: it was changed since, "
        "so resume from an earlier checkpoint or start again with --overwrite",
        path_.string(), length);
  }
}

void MetricsWriter::truncate_to(std::int64_t length) {
  check_length(length);
  if (::ftruncate(descriptor_, length) != 0) {
    fail_with_errno("truncate", path_);
  }
  length_ = length;
}

void MetricsWriter::append_line(const std::string& line) {
  std::size_t written = 0;
  while (written < line.size()) {
    const ssize_t count = ::write(descriptor_, line.data() + written, line.size() - written);
    if (count < 0 && errno == EINTR) {
      continue;
    }
    if (count < 0) {
      const int reason = errno;
      // Best effort: an unfinished line that stays is cut by the resume.
      (void)!::ftruncate(descriptor_, length_);
      errno = reason;
      fail_with_errno("write", path_);
    }
    written += static_cast<std::size_t>(count);
  }
  length_ += static_cast<std::int64_t>(line.size());
}

}  // namespace hgnn_moe
