// Runs the launches of src/ops/cuda/row_launch.h on the CPU, thread by thread in either order.
#pragma once

#include "src/ops/cuda/host_launch.h"

namespace hgnn_moe::ops {

struct HostLauncher {
  cuda::ThreadOrder order = cuda::ThreadOrder::ascending;

  template <typename Body>
  void run(const typename Body::Arguments& arguments, std::int64_t units, std::int64_t chunk,
           int threads) {
    cuda::launch_on_host<Body>(arguments, units, chunk, threads, order);
  }
};

inline constexpr cuda::ThreadOrder kThreadOrders[] = {cuda::ThreadOrder::ascending,
                                                      cuda::ThreadOrder::descending};

}  // namespace hgnn_moe::ops
