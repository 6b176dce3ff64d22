// A queue on the CPU, where everything is done at once: all of a queued step's logic runs without a
// GPU. As on a GPU, capturing leaves the tensors of the test as they were, though the host's own
// notes about them change, and replaying changes tensors behind the back of PyTorch's version
// counters. Replaying calls the captured work again, so what a graph would keep (host values read
// while it is captured) can change here; tests of those need a GPU.
#pragma once

#include <chrono>
#include <cstring>
#include <functional>
#include <memory>
#include <vector>

#include <ATen/ATen.h>

#include "hgnn_moe/ops/device_queue.h"

namespace hgnn_moe {

class HostMark : public ops::QueueMark {
 public:
  void record() override {}
  void wait() override {}
};

// The tensors that a test watches, as they are now; some may not exist yet.
using WatchedTensors = std::function<std::vector<at::Tensor>()>;

class HostWork : public ops::CapturedWork {
 public:
  HostWork(std::function<void()> work, const WatchedTensors& watched)
      : work_(std::move(work)), watched_(watched) {}

  void replay() override {
    const std::vector<at::Tensor> tensors = watched_();
    std::vector<std::int64_t> versions;
    for (const at::Tensor& tensor : tensors) versions.push_back(tensor._version());
    work_();
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      c10::VariableVersion counter = tensors[i].unsafeGetTensorImpl()->version_counter();
      counter.set_version(versions[i]);
    }
  }

 private:
  std::function<void()> work_;
  const WatchedTensors& watched_;
};

class HostQueue : public ops::DeviceQueue {
 public:
  static constexpr std::int64_t kCapturedBytes = 1234;

  explicit HostQueue(WatchedTensors watched = [] { return std::vector<at::Tensor>{}; })
      : watched_(std::move(watched)) {}

  c10::Device device() const override { return c10::Device(c10::kCPU); }
  std::unique_ptr<ops::QueueMark> make_mark() override { return std::make_unique<HostMark>(); }
  std::unique_ptr<ops::CapturedWork> capture(const std::function<void()>& work) override {
    const std::vector<at::Tensor> tensors = watched_();
    std::vector<at::Tensor> before;
    for (const at::Tensor& tensor : tensors) before.push_back(tensor.detach().clone());
    work();
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      // Not an operation, which would count.
      std::memcpy(tensors[i].unsafeGetTensorImpl()->mutable_data(), before[i].const_data_ptr(),
                  before[i].nbytes());
    }
    return std::make_unique<HostWork>(work, watched_);
  }
  std::int64_t captured_bytes() const override { return kCapturedBytes; }
  at::Tensor host_words(std::int64_t count) override { return at::zeros({count}, at::kLong); }
  void stamp(const at::Tensor& time) override {
    const auto now = std::chrono::steady_clock::now().time_since_epoch();
    time.fill_(std::chrono::duration_cast<std::chrono::nanoseconds>(now).count());
  }

 private:
  WatchedTensors watched_;
};

}  // namespace hgnn_moe
