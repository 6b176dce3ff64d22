#include <algorithm>

#include <ATen/ATen.h>
#include <ATen/Dispatch.h>
#include <ATen/Parallel.h>

#include "counter_dropout_kernels.h"

#include "hgnn_moe/base/philox.h"

namespace hgnn_moe::ops {

namespace {

constexpr std::int64_t kBlocksAtOnce = 16;

// Counter words 1 to 3 of a row; word 0 counts blocks of four features.
struct RowCounter {
  std::uint32_t position, sample, head;
};

// words[4 i + w]: word w of block first_block + i. The rounds of all blocks run side by side in
// one loop over i, which the compiler turns into vector instructions.
void philox_words(std::uint64_t key, const RowCounter& row, std::uint32_t first_block,
                  std::uint32_t* words) {
  for (std::int64_t i = 0; i < kBlocksAtOnce; ++i) {
    const PhiloxBlock block = philox(key, PhiloxBlock{{first_block + static_cast<std::uint32_t>(i),
                                                       row.position, row.sample, row.head}});
    for (int w = 0; w < 4; ++w) words[4 * i + w] = block.v[w];
  }
}

template <typename Scalar>
void drop_row(const Scalar* x, Scalar* out, std::int64_t features, std::uint64_t key,
              const RowCounter& row, std::uint32_t threshold, Scalar scale) {
  std::uint32_t words[4 * kBlocksAtOnce];
  for (std::int64_t f = 0; f < features; f += 4 * kBlocksAtOnce) {
    philox_words(key, row, static_cast<std::uint32_t>(f / 4), words);
    const std::int64_t count = std::min(features - f, 4 * kBlocksAtOnce);
    for (std::int64_t i = 0; i < count; ++i) {
      out[f + i] = words[i] >= threshold ? x[f + i] * scale : Scalar(0);
    }
  }
}

}  // namespace

void counter_dropout_cpu(const at::Tensor& x, const DropoutStream& stream, const DropoutRows& rows,
                         const DropoutShape& shape, at::Tensor& out) {
  const std::uint32_t threshold = dropout_threshold(stream.rate);
  const std::uint64_t key = *key_pointer(stream.key);
  const std::int64_t *samples = rows.samples(), *first_positions = rows.first_positions();
  const std::int64_t count = shape.batch * shape.heads * shape.positions;
  AT_DISPATCH_FLOATING_TYPES_AND2(
      at::kBFloat16, at::kHalf, x.scalar_type(), "counter_dropout_cpu", [&] {
        const scalar_t* input = x.const_data_ptr<scalar_t>();
        scalar_t* output = out.mutable_data_ptr<scalar_t>();
        const auto scale = static_cast<scalar_t>(1.0 / (1.0 - stream.rate));
        const std::int64_t grain =
            std::max<std::int64_t>(1, 16384 / std::max<std::int64_t>(1, shape.features));
        at::parallel_for(0, count, grain, [&](std::int64_t begin, std::int64_t end) {
          for (std::int64_t r = begin; r < end; ++r) {
            const std::int64_t a = r / shape.positions % shape.heads;
            const std::int64_t b = r / shape.positions / shape.heads;
            const std::int64_t first = first_positions == nullptr ? 0 : first_positions[b];
            const std::int64_t t = first + r % shape.positions;
            const RowCounter row{static_cast<std::uint32_t>(t),
                                 static_cast<std::uint32_t>(samples[b]),
                                 static_cast<std::uint32_t>(a)};
            drop_row(input + r * shape.features, output + r * shape.features, shape.features, key,
                     row, threshold, scale);
          }
        });
      });
}

}  // namespace hgnn_moe::ops
