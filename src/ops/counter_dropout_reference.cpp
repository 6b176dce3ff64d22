#include <ATen/ATen.h>

#include "counter_dropout_kernels.h"

#include "hgnn_moe/base/error.h"

namespace hgnn_moe::ops {

namespace {

constexpr std::int64_t kWord = 0xFFFFFFFF;

// High and low words of a 32 x 32 bit product, in int64 tensors without overflow: the factor is
// split into halves of 16 bits.
std::pair<at::Tensor, at::Tensor> multiply_words(const at::Tensor& a, std::int64_t factor) {
  const at::Tensor low = a * (factor & 0xFFFF);         // below 2^48
  const at::Tensor high = a * (factor >> 16);           // below 2^48
  const at::Tensor middle = high + low.__rshift__(16);  // below 2^49
  return {middle.__rshift__(16), (middle.__and__(0xFFFF)).__lshift__(16) + low.__and__(0xFFFF)};
}

}  // namespace

at::Tensor philox_words(const at::Tensor& key, const std::array<at::Tensor, 4>& counter) {
  auto [c0, c1, c2, c3] = counter;
  at::Tensor k0 = key.__and__(kWord);
  at::Tensor k1 = key.__rshift__(32).__and__(kWord);  // the shift keeps the sign
  for (int round = 0; round < 10; ++round) {
    const auto [high0, low0] = multiply_words(c0, 0xD2511F53);
    const auto [high1, low1] = multiply_words(c2, 0xCD9E8D57);
    c0 = high1.__xor__(c1).__xor__(k0);
    c1 = low1;
    c2 = high0.__xor__(c3).__xor__(k1);
    c3 = low0;
    k0 = (k0 + 0x9E3779B9).__and__(kWord);
    k1 = (k1 + 0xBB67AE85).__and__(kWord);
  }
  return at::stack({c0, c1, c2, c3}, -1);
}

at::Tensor counter_dropout_reference(const at::Tensor& x, const DropoutStream& stream,
                                     const at::Tensor& sample_indices_B,
                                     const at::Tensor& first_positions_B) {
  const bool attention = x.dim() == 4;
  const std::int64_t batch = x.size(0), heads = attention ? x.size(1) : 1;
  const std::int64_t positions = x.size(-2), features = x.size(-1);
  const at::TensorOptions options = sample_indices_B.options();
  at::Tensor positions_T1 = at::arange(positions, options).view({-1, 1});
  if (first_positions_B.defined()) {
    positions_T1 = positions_T1 + first_positions_B.view({batch, 1, 1, 1});
  }
  const at::Tensor words =
      philox_words(stream.key, {at::arange((features + 3) / 4, options), positions_T1,
                                sample_indices_B.view({batch, 1, 1, 1}),
                                at::arange(heads, options).view({-1, 1, 1})})
          .flatten(-2)
          .narrow(-1, 0, features)
          .reshape(x.sizes());
  const at::Tensor kept = words >= static_cast<std::int64_t>(dropout_threshold(stream.rate));
  return x * kept.to(x.scalar_type()) * (1.0 / (1.0 - stream.rate));
}

}  // namespace hgnn_moe::ops
