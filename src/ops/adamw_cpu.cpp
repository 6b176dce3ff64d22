#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>
#include <vector>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "adamw_kernels.h"
#include "cpu/adamw_kernel.h"
#include "cpu_launch.h"

namespace hgnn_moe::ops {

namespace {

// Elements that are worth a thread of their own.
constexpr std::int64_t kBlock = 16384;
// Every array starts at a multiple of this in the concatenation, so that blocks cut arrays between
// vectors of any instruction set.
constexpr std::int64_t kAlignment = 64;

const AdamWKernels& kernels(CpuIsa isa) { return HGNN_MOE_KERNELS_OF(isa, kAdamWKernels); }

// Arrays behind each other, cut into blocks of equal size wherever one array ends and the next
// begins: threads get equal shares, and no block depends on their number.
class Concatenation {
 public:
  explicit Concatenation(std::vector<std::int64_t> sizes) : sizes_(std::move(sizes)) {
    std::int64_t end = 0;
    for (const std::int64_t size : sizes_) {
      starts_.push_back(end);
      end += (size + kAlignment - 1) / kAlignment * kAlignment;
    }
    blocks_ = (end + kBlock - 1) / kBlock;
  }

  std::int64_t blocks() const { return blocks_; }

  // Calls f(array, begin, end) for the elements of each array that lie in the block.
  template <typename F>
  void visit(std::int64_t block, F f) const {
    const std::int64_t first = block * kBlock, last = first + kBlock;
    const auto next = std::upper_bound(starts_.begin(), starts_.end(), first);
    for (auto i = static_cast<std::size_t>(next - starts_.begin()) - 1;
         i < starts_.size() && starts_[i] < last; ++i) {
      const std::int64_t begin = std::max<std::int64_t>(0, first - starts_[i]);
      const std::int64_t end = std::min(sizes_[i], last - starts_[i]);
      if (begin < end) f(i, begin, end);
    }
  }

 private:
  std::vector<std::int64_t> sizes_, starts_;
  std::int64_t blocks_;
};

template <typename F>
void for_each_block(std::int64_t blocks, F f) {
  at::parallel_for(0, blocks, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t block = begin; block < end; ++block) f(block);
  });
}

AdamWArrays arrays_of(const AdamWParameter& p, const AdamWNumbers& numbers) {
  const double t = p.step.item<float>();
  return {p.value.mutable_data_ptr(),
          p.gradient.const_data_ptr(),
          p.exp_avg.mutable_data_ptr(),
          p.exp_avg_sq.mutable_data_ptr(),
          p.rounded.defined() ? p.rounded.mutable_data_ptr() : nullptr,
          numbers.learning_rate / (1.0 - std::pow(numbers.beta1, t)),
          1.0 / std::sqrt(1.0 - std::pow(numbers.beta2, t))};
}

}  // namespace

void adamw_cpu(CpuIsa isa, const std::vector<AdamWParameter>& parameters,
               const AdamWNumbers& numbers, double gradient_scale) {
  const AdamWShared shared{kernel_type(parameters.front().value),
                           gradient_scale,
                           1.0 - numbers.learning_rate * numbers.weight_decay,
                           numbers.beta1,
                           numbers.beta2,
                           numbers.epsilon};
  std::vector<AdamWArrays> arrays;
  std::vector<std::int64_t> sizes;
  for (const AdamWParameter& p : parameters) {
    arrays.push_back(arrays_of(p, numbers));
    sizes.push_back(p.value.numel());
  }
  const auto kernel = kernels(isa).update;
  const Concatenation all(std::move(sizes));
  for_each_block(all.blocks(), [&](std::int64_t block) {
    all.visit(block, [&](std::size_t i, std::int64_t begin, std::int64_t end) {
      kernel(shared, arrays[i], begin, end);
    });
  });
}

double sum_of_squares_cpu(CpuIsa isa, const std::vector<at::Tensor>& tensors) {
  std::vector<std::int64_t> sizes;
  for (const at::Tensor& x : tensors) sizes.push_back(x.numel());
  const auto kernel = kernels(isa).sum_of_squares;
  const KernelType type = kernel_type(tensors.front());
  const Concatenation all(std::move(sizes));
  std::vector<double> sums(static_cast<std::size_t>(all.blocks()), 0.0);
  for_each_block(all.blocks(), [&](std::int64_t block) {
    all.visit(block, [&](std::size_t i, std::int64_t begin, std::int64_t end) {
      sums[static_cast<std::size_t>(block)] +=
          kernel(type, tensors[i].const_data_ptr(), begin, end);
    });
  });
  return std::accumulate(sums.begin(), sums.end(), 0.0);
}

}  // namespace hgnn_moe::ops
