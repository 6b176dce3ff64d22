// Inputs, outputs and the list of shapes for the tests of src/ops/expert_block_kernels.h.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include "src/ops/expert_block_kernels.h"
#include "tests/support/tensors.h"

namespace hgnn_moe::ops {

// An instruction set's kernels, or the plain ATen form.
using Implementation = std::optional<CpuIsa>;
inline const Implementation kAten = std::nullopt;

inline std::vector<Implementation> cpu_implementations() {
  const std::vector<CpuIsa> isas = available_cpu_isas();
  return {isas.begin(), isas.end()};
}

struct BlockCase {
  std::int64_t tokens, experts, dim;
  at::ScalarType type;  // of the matrix products, P
  double rate;

  at::ScalarType state() const { return type == at::kDouble ? at::kDouble : at::kFloat; }
};

// All of `rates`, every type, shapes whose rows end anywhere in a vector, and few enough elements
// for plain ATen in float64.
inline void for_each_case(const std::vector<double>& rates,
                          const std::function<void(const BlockCase&)>& check) {
  for (const std::int64_t tokens : {0, 1, 13, 300}) {
    for (const std::int64_t experts : {1, 3, 4}) {
      for (const std::int64_t dim : {1, 3, 7, 16, 48, 384, 1000}) {
        if (tokens * experts * dim > 500000) continue;
        for (const at::ScalarType type : {at::kDouble, at::kFloat, at::kBFloat16}) {
          for (const double rate : rates) {
            SCOPED_TRACE(::testing::Message() << "N " << tokens << ", E " << experts << ", D "
                                              << dim << ", " << type << ", rate " << rate);
            check({tokens, experts, dim, type, rate});
          }
        }
      }
    }
  }
}

// Calls check(isa) for every instruction set of this CPU.
inline void for_each_isa(const std::function<void(CpuIsa)>& check) {
  for (const CpuIsa isa : available_cpu_isas()) {
    SCOPED_TRACE(::testing::Message() << "instruction set " << static_cast<int>(isa));
    check(isa);
  }
}

// Normal values of standard deviation `size`, rounded to `type`.
inline at::Tensor random_input(at::IntArrayRef shape, std::uint64_t seed, at::ScalarType type,
                               double size = 1.0) {
  return (size * testing::random_tensor(shape, seed)).to(type);
}

// Tensors between sentinels, at addresses of no alignment.
class GuardedTensors {
 public:
  at::Tensor make(at::IntArrayRef shape, at::ScalarType type) {
    const std::int64_t size = c10::multiply_integers(shape);
    buffers_.push_back(at::full({size + 2 * kGuard}, kSentinel, type));
    return buffers_.back().narrow(0, kGuard, size).view(shape);
  }

  bool intact() const {
    for (const at::Tensor& buffer : buffers_) {
      const std::int64_t end = buffer.size(0) - kGuard;
      if (!buffer.narrow(0, 0, kGuard).eq(kSentinel).all().item<bool>()) return false;
      if (!buffer.narrow(0, end, kGuard).eq(kSentinel).all().item<bool>()) return false;
    }
    return true;
  }

 private:
  static constexpr std::int64_t kGuard = 33;
  static constexpr double kSentinel = 77.0;
  std::vector<at::Tensor> buffers_;
};

// What rounding to `type` once is allowed in close(), or the rounding of so many terms.
inline double terms_of(at::ScalarType type, double terms) {
  return type == at::kBFloat16 ? 0.25 : terms;
}

// Whether `actual` is 0 where `expected` is, in float64, and nowhere else but where that is too
// small to say.
inline bool has_zeros_of(const at::Tensor& actual, const at::Tensor& expected) {
  const at::Tensor zero = actual.eq(0);
  return (zero.logical_or(expected.ne(0)))
      .logical_and(zero.logical_not().logical_or(expected.abs().le(1e-5)))
      .all()
      .item<bool>();
}

// `call` gives tensors; they are the same to the bit for 1, 2 and 3 threads.
inline void expect_equal_over_threads(const std::function<std::vector<at::Tensor>()>& call) {
  const int threads = at::get_num_threads();
  at::set_num_threads(1);
  const std::vector<at::Tensor> expected = call();
  for (const int count : {2, 3}) {
    at::set_num_threads(count);
    const std::vector<at::Tensor> actual = call();
    for (std::size_t i = 0; i < expected.size(); ++i) {
      EXPECT_TRUE(at::equal(actual[i], expected[i])) << "tensor " << i << ", threads " << count;
    }
  }
  at::set_num_threads(threads);
}

// Something in row n of the tensor is not a number where n is `token`, and only there.
inline void expect_nan_in_token(const at::Tensor& tensor, std::int64_t token) {
  for (std::int64_t n = 0; n < tensor.size(0); ++n) {
    EXPECT_EQ(tensor[n].isnan().any().item<bool>(), n == token) << "token " << n;
  }
}

}  // namespace hgnn_moe::ops
