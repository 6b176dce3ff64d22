// Exponential and logarithm of either type.
#pragma once

#include <cmath>

#include "block.h"

namespace hgnn_moe::ops::cuda {

HGNN_MOE_HOST_DEVICE float exponential(float x) { return expf(x); }
HGNN_MOE_HOST_DEVICE double exponential(double x) { return exp(x); }
HGNN_MOE_HOST_DEVICE float logarithm(float x) { return logf(x); }
HGNN_MOE_HOST_DEVICE double logarithm(double x) { return log(x); }

}  // namespace hgnn_moe::ops::cuda
