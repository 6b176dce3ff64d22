// Tensors of random numbers that are a pure function of a key and of the element's place.
#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

namespace hgnn_moe::ops {

enum class RandomDistribution {
  normal,   // mean 0, standard deviation `scale`
  uniform,  // between -scale and scale
};

struct RandomFill {
  RandomDistribution distribution = RandomDistribution::normal;
  double scale = 1.0;
  std::uint64_t key = 0;  // of the stream, see philox_stream_key
};

// Fills `out`, contiguous float32 or float64 on the CPU, in memory order. Elements 4b to 4b + 3
// come from the words w of philox(key, {low word of b, high word of b, 0, 0}). With
// u = (w + 1/2) / 2^32 they are scale (2 u - 1) for `uniform`; for `normal` (Box and Muller 1958)
// two words give scale sqrt(-2 ln u_0) cos(2 pi u_1) and the same with sin. Computed in float64 and
// rounded to the type of `out`.
void random_fill(at::Tensor& out, const RandomFill& fill);

// The same in a plain loop, and equal to the bit.
void random_fill_reference(at::Tensor& out, const RandomFill& fill);

}  // namespace hgnn_moe::ops
