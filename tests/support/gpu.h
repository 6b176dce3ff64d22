// Tests that need a GPU skip visibly without one; HGNN_MOE_REQUIRE_GPU=1 makes that a failure.
#pragma once

#include <cstdlib>
#include <string>

#include <gtest/gtest.h>

#include "hgnn_moe/ops/cuda_device.h"

namespace hgnn_moe::testing {

// To be called in SetUp().
inline void skip_without_gpu() {
  if (ops::cuda_status().device_count > 0) return;
  const char* required = std::getenv("HGNN_MOE_REQUIRE_GPU");
  if (required != nullptr && std::string(required) == "1") {
    FAIL() << "HGNN_MOE_REQUIRE_GPU is 1 and there is no usable GPU";
  }
  GTEST_SKIP() << "no usable GPU";
}

class GpuTest : public ::testing::Test {
 protected:
  void SetUp() override { skip_without_gpu(); }
};

}  // namespace hgnn_moe::testing
