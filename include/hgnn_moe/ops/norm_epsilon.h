// The epsilon of every layer normalisation. No other header: kernels include it.
#pragma once

namespace hgnn_moe::ops {

inline constexpr double kNormEpsilon = 1e-5;  // torch.nn.LayerNorm's

}  // namespace hgnn_moe::ops
