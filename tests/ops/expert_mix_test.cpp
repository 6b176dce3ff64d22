#include "hgnn_moe/ops/expert_mix.h"

#include <limits>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "src/ops/expert_mix_kernels.h"
#include "tests/support/tensors.h"

namespace hgnn_moe::ops {
namespace {

using ::hgnn_moe::testing::close;
using ::hgnn_moe::testing::gradients;
using ::hgnn_moe::testing::matches_finite_differences;
using ::hgnn_moe::testing::random_tensor;

struct Sizes {
  std::int64_t tokens, rows, experts, dim;
};

// Tails of every vector width, one row to many, none and one token, more tokens than a 16-bit
// index holds.
const Sizes kSizes[] = {{0, 4, 4, 8},   {1, 1, 1, 1},    {1, 4, 4, 384},  {3, 1, 4, 7},
                        {7, 3, 3, 64},  {13, 5, 5, 33},  {5, 8, 8, 1000}, {2, 16, 16, 31},
                        {2, 32, 32, 9}, {1, 64, 64, 40}, {2, 1, 64, 65},  {70001, 2, 2, 3},
                        {11, 7, 2, 17}};

at::Tensor mixing_of(const Sizes& s, bool per_token) {
  return per_token ? random_tensor({s.tokens, s.rows, s.experts}, 1)
                   : random_tensor({s.rows, s.experts}, 1);
}

ExpertMixShape shape_of(const Sizes& s, bool per_token) {
  return {s.tokens, s.rows, s.experts, s.dim, per_token};
}

// The product in float64 of the values that `x` holds in its own type.
at::Tensor expected_mix(const at::Tensor& mixing, const at::Tensor& x) {
  const at::Tensor k = mixing.to(at::kDouble), x64 = x.to(at::kDouble);
  return at::bmm(k.dim() == 3 ? k : k.expand({x.size(0), k.size(0), k.size(1)}), x64);
}

class ExpertMixByIsa : public ::testing::TestWithParam<CpuIsa> {};

TEST_P(ExpertMixByIsa, KernelEqualsTheProductInFloat64) {
  for (const Sizes& s : kSizes) {
    for (const bool per_token : {false, true}) {
      for (const at::ScalarType type : {at::kDouble, at::kFloat, at::kBFloat16}) {
        SCOPED_TRACE(::testing::Message() << s.tokens << " x " << s.rows << " x " << s.experts
                                          << " x " << s.dim << ", " << per_token << ", " << type);
        const auto compute = type == at::kDouble ? at::kDouble : at::kFloat;
        const at::Tensor mixing = mixing_of(s, per_token).to(compute);
        const at::Tensor x = random_tensor({s.tokens, s.experts, s.dim}, 2).to(type);
        at::Tensor out = at::empty({s.tokens, s.rows, s.dim}, x.options());
        expert_mix_cpu(GetParam(), mixing, x, shape_of(s, per_token), out);
        // Sums are in float32, so a bfloat16 result is rounded once.
        const double sum_terms = type == at::kBFloat16 ? 1 : static_cast<double>(s.experts);
        EXPECT_TRUE(close(out, expected_mix(mixing, x), sum_terms));

        const at::Tensor d_out = random_tensor(out.sizes(), 3).to(type);
        at::Tensor d_mixing = at::empty_like(mixing);
        expert_mix_gradient_cpu(GetParam(), d_out, x, shape_of(s, per_token), d_mixing);
        at::Tensor expected = at::bmm(d_out.to(at::kDouble), x.to(at::kDouble).transpose(1, 2));
        if (!per_token) expected = expected.sum(0);
        const auto terms = static_cast<double>(s.dim * (per_token ? 1 : s.tokens));
        EXPECT_TRUE(close(d_mixing, expected, terms));
      }
    }
  }
}

// What stands before and behind the output stays as it was, at addresses of no alignment.
TEST_P(ExpertMixByIsa, WritesNothingOutsideItsOutput) {
  for (const Sizes& s : kSizes) {
    if (s.tokens > 100) continue;
    for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
      const std::int64_t in_size = s.tokens * s.experts * s.dim;
      const std::int64_t out_size = s.tokens * s.rows * s.dim;
      const at::Tensor x = at::ones({in_size + 1}, type).narrow(0, 1, in_size);
      const at::Tensor buffer = at::full({out_size + 66}, 77.0, type);
      at::Tensor out = buffer.narrow(0, 33, out_size);
      const at::Tensor mixing = at::ones({s.rows, s.experts}, at::kFloat);
      expert_mix_cpu(GetParam(), mixing, x, shape_of(s, false), out);
      EXPECT_TRUE(buffer.narrow(0, 0, 33).eq(77.0).all().item<bool>());
      EXPECT_TRUE(buffer.narrow(0, 33 + out_size, 33).eq(77.0).all().item<bool>());
      EXPECT_TRUE(out.eq(static_cast<double>(s.experts)).all().item<bool>());
    }
  }
}

// Results larger than the caches are stored past them: the same bits as of two halves that are not.
TEST_P(ExpertMixByIsa, LargeResultsAreTheSameBits) {
  for (const auto& [type, dim] :
       {std::pair(at::kFloat, 64), std::pair(at::kBFloat16, 64), std::pair(at::kFloat, 67)}) {
    const std::int64_t tokens = (68 << 20) / (4 * dim * (type == at::kFloat ? 4 : 2)) / 2 * 2;
    const at::Tensor x = at::arange(tokens * 4 * dim, at::kFloat).sin_().view({tokens, 4, dim});
    const at::Tensor mixing = random_tensor({4, 4}, 2).to(at::kFloat), in = x.to(type);
    const auto run = [&](std::int64_t first, std::int64_t count) {
      const at::Tensor part = in.narrow(0, first, count);
      at::Tensor out = at::empty_like(part);
      expert_mix_cpu(GetParam(), mixing, part, {count, 4, 4, dim, false}, out);
      return out;
    };
    const at::Tensor halves = at::cat({run(0, tokens / 2), run(tokens / 2, tokens / 2)});
    EXPECT_TRUE(at::equal(run(0, tokens), halves)) << type << ", D " << dim;
  }
}

// One exact product an element, so that only the rounding to bfloat16 is left.
TEST_P(ExpertMixByIsa, Bfloat16IsRoundedToNearest) {
  const Sizes s{50, 1, 1, 101};
  const at::Tensor x = random_tensor({s.tokens, 1, s.dim}, 2).to(at::kBFloat16);
  for (const double factor : {1.00390625, 1.01171875, -3.02734375}) {
    const at::Tensor mixing = at::full({1, 1}, factor, at::kFloat);
    at::Tensor out = at::empty_like(x);
    expert_mix_cpu(GetParam(), mixing, x, shape_of(s, false), out);
    EXPECT_TRUE(at::equal(out, (x.to(at::kFloat) * factor).to(at::kBFloat16))) << factor;
  }
}

TEST_P(ExpertMixByIsa, NotANumberStaysInItsToken) {
  const Sizes s{9, 3, 4, 37};
  for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
    const at::Tensor x = random_tensor({s.tokens, s.experts, s.dim}, 2).to(type);
    x[4].fill_(std::numeric_limits<double>::quiet_NaN());
    const at::Tensor mixing = mixing_of(s, true).to(at::kFloat);
    at::Tensor out = at::empty({s.tokens, s.rows, s.dim}, x.options());
    expert_mix_cpu(GetParam(), mixing, x, shape_of(s, true), out);
    at::Tensor d_mixing = at::empty_like(mixing);
    expert_mix_gradient_cpu(GetParam(), at::ones_like(out), x, shape_of(s, true), d_mixing);
    for (std::int64_t n = 0; n < s.tokens; ++n) {
      EXPECT_EQ(out[n].isnan().all().item<bool>(), n == 4) << n;
      EXPECT_EQ(out[n].isnan().any().item<bool>(), n == 4) << n;
      EXPECT_EQ(d_mixing[n].isnan().any().item<bool>(), n == 4) << n;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Isa, ExpertMixByIsa, ::testing::ValuesIn(available_cpu_isas()));

TEST(ExpertMix, EqualsTheLoopOverTokensAlsoWhereXIsNotContiguous) {
  const at::Tensor x = random_tensor({6, 5, 4}, 1).transpose(1, 2);
  for (const bool per_token : {false, true}) {
    const at::Tensor mixing = mixing_of({6, 4, 4, 5}, per_token);
    const std::vector<at::Tensor> inputs{mixing, x};
    const auto ours = [](const auto& in) { return expert_mix(in[0], in[1]); };
    const auto loop = [](const auto& in) { return expert_mix_reference(in[0], in[1]); };
    EXPECT_TRUE(close(ours(inputs), loop(inputs), 4));
    const at::Tensor cotangent = random_tensor({6, 4, 5}, 3);
    const auto actual = gradients(ours, inputs, cotangent);
    const auto expected = gradients(loop, inputs, cotangent);
    EXPECT_TRUE(close(actual[0], expected[0], 30));
    EXPECT_TRUE(close(actual[1], expected[1], 4));
  }
}

TEST(ExpertMix, GradientsMatchFiniteDifferences) {
  for (const bool per_token : {false, true}) {
    const Sizes s{2, 3, 4, 3};
    const std::vector<at::Tensor> inputs{mixing_of(s, per_token), random_tensor({2, 4, 3}, 2)};
    EXPECT_TRUE(matches_finite_differences([](const auto& in) { return expert_mix(in[0], in[1]); },
                                           inputs, random_tensor({2, 3, 3}, 3)));
    const std::vector<at::Tensor> readout{
        per_token ? random_tensor({2, 4}, 4) : random_tensor({4}, 4), inputs[1]};
    EXPECT_TRUE(
        matches_finite_differences([](const auto& in) { return expert_readout(in[0], in[1]); },
                                   readout, random_tensor({2, 3}, 5)));
  }
}

TEST(ExpertMix, TenRunsGiveTheSameBits) {
  const at::Tensor x = random_tensor({5000, 4, 48}, 1).to(at::kFloat);
  const at::Tensor mixing = random_tensor({4, 4}, 2).to(at::kFloat);
  const at::Tensor cotangent = random_tensor(x.sizes(), 3).to(at::kFloat);
  const auto f = [](const auto& in) { return expert_mix(in[0], in[1]); };
  const auto first = gradients(f, {mixing, x}, cotangent);
  for (int run = 1; run < 10; ++run) {
    const auto again = gradients(f, {mixing, x}, cotangent);
    EXPECT_TRUE(at::equal(again[0], first[0]) && at::equal(again[1], first[1])) << run;
  }
}

}  // namespace
}  // namespace hgnn_moe::ops
