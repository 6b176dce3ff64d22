// A queue on the CPU, where everything is done at once: all of a queued step's logic runs without a
// GPU. Replaying captured work calls it again, so what a graph would keep (host values read while
// it is captured) can change here; tests of those need a GPU.
#pragma once

#include <chrono>
#include <functional>
#include <memory>

#include <ATen/ATen.h>

#include "hgnn_moe/ops/device_queue.h"

namespace hgnn_moe {

class HostMark : public ops::QueueMark {
 public:
  void record() override {}
  void wait() override {}
};

class HostWork : public ops::CapturedWork {
 public:
  explicit HostWork(std::function<void()> work) : work_(std::move(work)) {}
  void replay() override { work_(); }

 private:
  std::function<void()> work_;
};

class HostQueue : public ops::DeviceQueue {
 public:
  c10::Device device() const override { return c10::Device(c10::kCPU); }
  std::unique_ptr<ops::QueueMark> make_mark() override { return std::make_unique<HostMark>(); }
  std::unique_ptr<ops::CapturedWork> capture(const std::function<void()>& work) override {
    return std::make_unique<HostWork>(work);
  }
  at::Tensor host_words(std::int64_t count) override { return at::zeros({count}, at::kLong); }
  void stamp(const at::Tensor& time) override {
    const auto now = std::chrono::steady_clock::now().time_since_epoch();
    time.fill_(std::chrono::duration_cast<std::chrono::nanoseconds>(now).count());
  }
};

}  // namespace hgnn_moe
