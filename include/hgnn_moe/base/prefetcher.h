// Batches assembled ahead of the training loop by worker threads, in order, in bounded memory.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "hgnn_moe/base/error.h"

namespace hgnn_moe {

// Calls make(0), make(1), ... make(count - 1) on `workers` threads (0: on the caller's) and hands
// the results out in that order, at most workers + 2 finished and unclaimed at a time. An
// exception of make(i) is rethrown by the next() that would have returned batch i. The
// destructor stops the workers after the batch they are at.
template <typename Batch>
class Prefetcher {
 public:
  // Throws Error(usage) naming num_workers_dataloader where the system refuses a thread.
  Prefetcher(std::int64_t count, std::int64_t workers, std::function<Batch(std::int64_t)> make)
      : count_(count), make_(std::move(make)), capacity_(workers + 2) {
    start_threads(std::min(workers, count));
  }
  ~Prefetcher() { stop_threads(); }
  Prefetcher(const Prefetcher&) = delete;
  Prefetcher& operator=(const Prefetcher&) = delete;

  std::optional<Batch> next();  // nullopt after the last

 private:
  struct Result {
    Batch batch;
    std::exception_ptr error;
  };

  void work();
  void start_threads(std::int64_t workers);
  void stop_threads();

  const std::int64_t count_;
  const std::function<Batch(std::int64_t)> make_;
  // Batches begun and not handed out yet: every worker is busy while the caller holds one.
  const std::int64_t capacity_;

  std::mutex mutex_;
  std::condition_variable room_;      // a worker may begin another batch, or must stop
  std::condition_variable finished_;  // a result was added
  std::int64_t next_begun_ = 0;
  std::int64_t next_returned_ = 0;
  std::map<std::int64_t, Result> results_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

template <typename Batch>
void Prefetcher<Batch>::start_threads(std::int64_t workers) {
  try {
    for (std::int64_t i = 0; i < workers; ++i) threads_.emplace_back([this] { work(); });
  } catch (const std::system_error& error) {
    const std::size_t started = threads_.size();
    stop_threads();
    fail(ExitCode::usage,
         "num_workers_dataloader {}: the system refused thread {} ({}); ask for fewer workers",
         workers, started + 1, error.code().message());
  }
}

template <typename Batch>
void Prefetcher<Batch>::stop_threads() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
  }
  room_.notify_all();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

template <typename Batch>
void Prefetcher<Batch>::work() {
  std::unique_lock<std::mutex> lock(mutex_);
  for (;;) {
    room_.wait(lock, [this] {
      return stopping_ || next_begun_ == count_ || next_begun_ < next_returned_ + capacity_;
    });
    if (stopping_ || next_begun_ == count_) return;
    const std::int64_t index = next_begun_++;
    lock.unlock();
    Result result;
    try {
      result.batch = make_(index);
    } catch (...) {
      result.error = std::current_exception();
    }
    lock.lock();
    results_.emplace(index, std::move(result));
    finished_.notify_one();
  }
}

template <typename Batch>
std::optional<Batch> Prefetcher<Batch>::next() {
  std::unique_lock<std::mutex> lock(mutex_);
  if (next_returned_ == count_) return std::nullopt;
  const std::int64_t index = next_returned_;
  if (threads_.empty()) {
    ++next_returned_;
    return make_(index);
  }
  finished_.wait(lock, [&] { return results_.count(index) != 0; });
  Result result = std::move(results_.extract(index).mapped());
  ++next_returned_;
  lock.unlock();
  room_.notify_all();
  if (result.error) std::rethrow_exception(result.error);
  return std::move(result.batch);
}

}  // namespace hgnn_moe
