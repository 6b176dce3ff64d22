// Tests that need a GPU skip visibly without one; HGNN_MOE_REQUIRE_GPU=1 makes that a failure.
#pragma once

#include <cstdlib>
#include <string>

#include <gtest/gtest.h>

#include "hgnn_moe/ops/cuda_device.h"

namespace hgnn_moe::testing {

class GpuTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (ops::cuda_status().device_count > 0) return;
    const char* required = std::getenv("HGNN_MOE_REQUIRE_GPU");
    if (required != nullptr && std::string(required) == "1") {
      FAIL() << "HGNN_MOE_REQUIRE_GPU is 1 and there is no usable GPU";
    }
    GTEST_SKIP() << "no usable GPU";
  }
};

}  // namespace hgnn_moe::testing
