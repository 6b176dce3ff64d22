// Runs a body of block.h on the CPU, block by block, phase by phase, thread by thread.
#pragma once

#include <algorithm>
#include <vector>

#include "block.h"

namespace hgnn_moe::ops::cuda {

enum class ThreadOrder { ascending, descending };

// Tokens 0 to `tokens`, `chunk` a block. Results must not depend on `order`.
template <typename Body>
void launch_on_host(const typename Body::Arguments& arguments, std::int64_t tokens,
                    std::int64_t chunk, int threads, ThreadOrder order) {
  const auto for_all_threads = [&](auto call) {
    for (int i = 0; i < threads; ++i) {
      call(Thread{order == ThreadOrder::ascending ? i : threads - 1 - i, threads});
    }
  };
  const std::int64_t elements = Body::shared_elements(arguments, threads);
  for (std::int64_t block = 0; block * chunk < tokens; ++block) {
    // A vector of its own a block: a body must not count on zeros, and a sanitizer sees its ends.
    std::vector<typename Body::Compute> shared(static_cast<std::size_t>(elements),
                                               static_cast<typename Body::Compute>(1e30));
    const Body body(arguments, shared.data(), threads);
    const std::int64_t begin = block * chunk, end = std::min(tokens, begin + chunk);
    for (std::int64_t n = begin; n < end; ++n) {
      for (int phase = 0; phase < phases_of(body, n, 0); ++phase) {
        for_all_threads([&](Thread t) { body.run(phase, n, n == begin, t); });
      }
    }
    for (int phase = 0; phase < body.finish_phases(); ++phase) {
      for_all_threads([&](Thread t) { body.finish(phase, block, t); });
    }
  }
}

}  // namespace hgnn_moe::ops::cuda
