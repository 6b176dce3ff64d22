// Batches assembled ahead of the training loop by worker threads, in order, in bounded memory.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "hgnn_moe/data/batch.h"

namespace hgnn_moe::data {

// Calls make(0), make(1), ... make(count - 1) on `workers` threads (0: on the caller's) and hands
// the results out in that order, at most workers + 2 finished and unclaimed at a time. An
// exception of make(i) is rethrown by the next() that would have returned batch i. The
// destructor stops the workers after the batch they are at.
class Prefetcher {
 public:
  Prefetcher(std::int64_t count, std::int64_t workers, std::function<Batch(std::int64_t)> make);
  ~Prefetcher();
  Prefetcher(const Prefetcher&) = delete;
  Prefetcher& operator=(const Prefetcher&) = delete;

  std::optional<Batch> next();  // nullopt after the last

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace hgnn_moe::data
