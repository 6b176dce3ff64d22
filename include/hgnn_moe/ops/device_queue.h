// Work that is queued on a device and runs in order behind the host's back.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

namespace hgnn_moe::ops {

// A place between two pieces of work.
class QueueMark {
 public:
  virtual ~QueueMark() = default;
  virtual void record() = 0;  // behind all that is queued
  virtual void
  wait() = 0;  // until the device has come past it; at once where it was never recorded
};

// Work that was captured, on the memory that it was captured with.
class CapturedWork {
 public:
  virtual ~CapturedWork() = default;
  virtual void replay() = 0;  // queues it as a whole
};

// A queue is the current one of the thread that made it, for as long as it lives: whatever that
// thread computes, between steps too, runs in it. Destroying it waits for all of it.
class DeviceQueue {
 public:
  virtual ~DeviceQueue() = default;

  virtual c10::Device device() const = 0;
  virtual std::unique_ptr<QueueMark> make_mark() = 0;

  // Calls `work` once, which queues nothing but is noted down. It must not wait for the device,
  // must find the same memory at every replay, and has to have run before, so that libraries are
  // set up. What it allocates belongs to the captured work; captured pieces share that memory, so
  // nothing may stay in it from one to the next. Throws c10::Error where it cannot be captured; the
  // queue can be used afterwards.
  virtual std::unique_ptr<CapturedWork> capture(const std::function<void()>& work) = 0;

  // Memory of the device that captured work keeps.
  virtual std::int64_t captured_bytes() const = 0;

  // Host memory [count] of int64 that the device copies from and to while the host goes on.
  virtual at::Tensor host_words(std::int64_t count) = 0;

  // Queues writing the device's time in nanoseconds into an int64 scalar on it. Other than an event
  // it can be captured: an event would be recorded again by the next replay before it is read.
  virtual void stamp(const at::Tensor& time) = 0;
};

// A queue on a GPU. In a build without CUDA an assertion.
std::unique_ptr<DeviceQueue> make_cuda_queue(c10::Device device);

}  // namespace hgnn_moe::ops
