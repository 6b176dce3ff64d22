#include "hgnn_moe/ops/packed_attention.h"

#include <cmath>
#include <limits>
#include <memory>
#include <string>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/record_function.h>
#include <gtest/gtest.h>

#include "src/ops/packed_attention_kernels.h"
#include "tests/support/tensors.h"

#include "hgnn_moe/ops/counter_dropout.h"

namespace hgnn_moe::ops {
namespace {

using ::hgnn_moe::testing::close;
using ::hgnn_moe::testing::gradients;
using ::hgnn_moe::testing::matches_finite_differences;
using ::hgnn_moe::testing::random_tensor;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

struct Shape {
  std::int64_t experts, heads, dim;
};

std::ostream& operator<<(std::ostream& out, const Shape& s) {
  return out << "E " << s.experts << ", A " << s.heads << ", d " << s.dim;
}

// Around the tile of 8, the vector of 16 and the block of 32 queries, and without any token.
const std::vector<std::int64_t> kLengths{2, 0, 65, 1, 200, 63, 64, 33, 0};

PackedSamples make_samples(const std::vector<std::int64_t>& lengths) {
  std::vector<std::int64_t> indices;
  for (std::size_t b = 0; b < lengths.size(); ++b) indices.push_back(4000000000 - 7 * b);
  return make_packed_samples(lengths, indices, at::kCPU);
}

AttentionDropout make_dropout(double rate, std::int64_t experts) {
  std::vector<std::uint64_t> keys;
  for (std::int64_t e = 0; e < experts; ++e) keys.push_back(0xfedcba9876543210u + 3 * e);
  return {rate, dropout_keys(keys)};
}

at::Tensor make_qkv(const PackedSamples& samples, const Shape& s, at::ScalarType type) {
  return random_tensor({samples.num_tokens(), s.experts, 3, s.heads, s.dim}, 1).to(type);
}

struct Gradient {
  at::Tensor out, d_qkv;
};

// `values` between NaNs, at an address of no alignment.
at::Tensor between_nans(const at::Tensor& values) {
  const at::Tensor buffer = at::full({values.numel() + 66}, kNan, values.options());
  at::Tensor inside = buffer.narrow(0, 33, values.numel()).view(values.sizes());
  return inside.copy_(values);
}

// Whether the NaNs around such a tensor still stand, and it holds none.
bool is_between_nans(const at::Tensor& inside) {
  const at::Tensor buffer = inside.as_strided({inside.numel() + 66}, {1}, 0);
  return buffer.isnan().sum().item<std::int64_t>() == 66 && !inside.isnan().any().item<bool>();
}

class PackedAttentionByIsa : public ::testing::TestWithParam<CpuIsa> {
 protected:
  // Both passes into outputs that are NaN before.
  static Gradient both(const at::Tensor& qkv, const at::Tensor& d_out, const PackedSamples& samples,
                       const AttentionDropout& dropout) {
    const at::ScalarType type = qkv.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
    const at::Tensor nans = at::full_like(d_out, kNan);
    at::Tensor out = between_nans(nans);
    at::Tensor log_sum_exp = between_nans(nans.select(3, 0).to(type));
    packed_attention_cpu(GetParam(), qkv, samples, dropout, out, log_sum_exp);
    at::Tensor d_qkv = between_nans(at::full_like(qkv, kNan));
    packed_attention_gradient_cpu(GetParam(), d_out, qkv, log_sum_exp, samples, dropout, d_qkv);
    return {out, d_qkv};
  }

  static at::Tensor forward(const at::Tensor& qkv, const PackedSamples& samples,
                            const AttentionDropout& dropout) {
    return both(qkv, at::ones_like(qkv.select(2, 0)), samples, dropout).out;
  }
};

TEST_P(PackedAttentionByIsa, EqualsTheReferenceForwardAndBackward) {
  const PackedSamples samples = make_samples(kLengths);
  for (const Shape& s : {Shape{2, 3, 1}, Shape{1, 2, 3}, Shape{3, 1, 48}, Shape{2, 6, 64},
                         Shape{1, 5, 80}, Shape{2, 4, 160}}) {
    for (const double rate : {0.0, 0.3}) {
      const AttentionDropout dropout = make_dropout(rate, s.experts);
      for (const at::ScalarType type : {at::kDouble, at::kFloat, at::kBFloat16}) {
        SCOPED_TRACE(::testing::Message() << s << ", rate " << rate << ", " << type);
        const at::Tensor qkv = make_qkv(samples, s, type);
        const at::Tensor d_out =
            random_tensor({samples.num_tokens(), s.experts, s.heads, s.dim}, 2).to(type);
        const auto reference = [&](const auto& v) {
          return packed_attention_reference(v[0], samples, rate, dropout.keys_E);
        };
        const at::Tensor exact = qkv.to(at::kDouble);
        // bfloat16 rounds results alone. Else a score is a sum of d terms that enters an exponent.
        const double terms = type == at::kBFloat16 ? 1 : 10 + static_cast<double>(s.dim) / 4;
        const Gradient actual = both(qkv, d_out, samples, dropout);
        EXPECT_TRUE(close(actual.out, reference(std::vector{exact}), terms));
        EXPECT_TRUE(
            close(actual.d_qkv, gradients(reference, {exact}, d_out.to(at::kDouble))[0], terms));
      }
    }
  }
}

// With equal scores a probability is 1/(t + 1), and with values that name their position the
// output is the row of kept probabilities itself.
TEST_P(PackedAttentionByIsa, MasksAreThoseOfCounterDropout) {
  constexpr std::int64_t kLength = 130, kExperts = 2, kHeads = 3;
  const PackedSamples samples = make_packed_samples({5, kLength}, {3, 11}, at::kCPU);
  const AttentionDropout dropout = make_dropout(0.3, kExperts);
  const at::Tensor qkv = at::zeros({5 + kLength, kExperts, 3, kHeads, kLength}, at::kFloat);
  qkv.narrow(0, 5, kLength)
      .select(2, 2)
      .copy_(at::eye(kLength, at::kFloat).view({kLength, 1, 1, kLength}));
  const at::Tensor out = forward(qkv, samples, dropout).narrow(0, 5, kLength);
  const at::Tensor ones = at::ones({1, kHeads, kLength, kLength}, at::kFloat).tril();
  for (std::int64_t e = 0; e < kExperts; ++e) {
    const at::Tensor kept =
        counter_dropout_reference(ones, {0.3, dropout.keys_E[e]}, at::full({1}, 11, at::kLong))[0];
    EXPECT_TRUE(at::equal(out.select(1, e).transpose(0, 1).ne(0), kept.ne(0))) << e;
  }
}

// Neither outputs nor the gradients of queries, whatever stands later: a product with 0 would let
// a NaN through.
TEST_P(PackedAttentionByIsa, LaterTokensChangeNothingBefore) {
  const Shape s{2, 2, 48};
  const PackedSamples samples = make_samples({20, 150, 30});
  for (const at::ScalarType type : {at::kDouble, at::kFloat, at::kBFloat16}) {
    for (const double rate : {0.0, 0.3}) {
      const AttentionDropout dropout = make_dropout(rate, s.experts);
      const at::Tensor qkv = make_qkv(samples, s, type);
      const at::Tensor d_out = random_tensor({200, s.experts, s.heads, s.dim}, 2).to(type);
      const Gradient before = both(qkv, d_out, samples, dropout);
      for (const std::int64_t t : {0, 1, 7, 8, 31, 32, 100, 149}) {
        for (const double value : {-3.0, kNan, 1e30}) {
          SCOPED_TRACE(::testing::Message() << type << ", rate " << rate << ", position " << t);
          at::Tensor changed = qkv.clone(), d_changed = d_out.clone();
          changed.narrow(0, 20 + t, 150 - t).fill_(value);
          d_changed.narrow(0, 20 + t, 150 - t).fill_(value);
          const Gradient after = both(changed, d_changed, samples, dropout);
          const auto same = [&](const at::Tensor& x, const at::Tensor& y) {
            return at::equal(x.narrow(0, 0, 20 + t), y.narrow(0, 0, 20 + t)) &&
                   at::equal(x.narrow(0, 170, 30), y.narrow(0, 170, 30));
          };
          EXPECT_TRUE(same(before.out, after.out));
          EXPECT_TRUE(same(before.d_qkv.select(2, 0), after.d_qkv.select(2, 0)));
          EXPECT_FALSE(at::equal(before.out[20 + t], after.out[20 + t]));
        }
      }
    }
  }
}

TEST_P(PackedAttentionByIsa, NotANumberStaysInItsSample) {
  const Shape s{2, 3, 33};
  const PackedSamples samples = make_samples({3, 70, 40});
  const AttentionDropout dropout = make_dropout(0.3, s.experts);
  const at::Tensor qkv = make_qkv(samples, s, at::kFloat);
  const at::Tensor d_out = random_tensor({113, s.experts, s.heads, s.dim}, 2).to(at::kFloat);
  const Gradient clean = both(qkv, d_out, samples, dropout);
  for (const std::int64_t part : {0, 1, 2}) {
    at::Tensor with_nan = qkv.clone();
    with_nan[40].select(1, part).fill_(kNan);
    const Gradient actual = both(with_nan, d_out, samples, dropout);
    EXPECT_TRUE(at::equal(actual.out.narrow(0, 0, 40), clean.out.narrow(0, 0, 40))) << part;
    EXPECT_TRUE(actual.out[40].isnan().all().item<bool>()) << part;
    EXPECT_TRUE(at::equal(actual.out.narrow(0, 73, 40), clean.out.narrow(0, 73, 40))) << part;
    EXPECT_TRUE(at::equal(actual.d_qkv.narrow(0, 0, 3), clean.d_qkv.narrow(0, 0, 3))) << part;
    EXPECT_TRUE(actual.d_qkv[40].isnan().any().item<bool>()) << part;
    EXPECT_TRUE(at::equal(actual.d_qkv.narrow(0, 73, 40), clean.d_qkv.narrow(0, 73, 40))) << part;
  }
}

// Nothing before the first and behind the last token is read or written.
TEST_P(PackedAttentionByIsa, KeepsToItsTensors) {
  for (const Shape& s : {Shape{2, 3, 1}, Shape{2, 1, 15}, Shape{1, 3, 33}, Shape{2, 1, 64}}) {
    for (const at::ScalarType type : {at::kDouble, at::kFloat, at::kBFloat16}) {
      SCOPED_TRACE(::testing::Message() << s << ", " << type);
      const PackedSamples samples = make_samples({7, 1, 45});
      const at::Tensor qkv = make_qkv(samples, s, type);
      const at::Tensor d_out = random_tensor({53, s.experts, s.heads, s.dim}, 2).to(type);
      const Gradient actual =
          both(between_nans(qkv), between_nans(d_out), samples, make_dropout(0.3, s.experts));
      EXPECT_TRUE(is_between_nans(actual.out));
      EXPECT_TRUE(is_between_nans(actual.d_qkv));
    }
  }
}

TEST_P(PackedAttentionByIsa, ASampleDoesNotDependOnItsNeighbours) {
  const Shape s{2, 3, 48};
  const AttentionDropout dropout = make_dropout(0.3, s.experts);
  const PackedSamples together = make_packed_samples({65, 3, 40}, {5, 9, 2}, at::kCPU);
  const PackedSamples reordered = make_packed_samples({40, 65, 3}, {2, 5, 9}, at::kCPU);
  const PackedSamples one = make_packed_samples({3}, {9}, at::kCPU);
  const at::Tensor order = at::cat({at::arange(68, 108), at::arange(0, 65), at::arange(65, 68)});
  for (const at::ScalarType type : {at::kDouble, at::kFloat, at::kBFloat16}) {
    const at::Tensor qkv = make_qkv(together, s, type);
    const at::Tensor d_out = random_tensor({108, s.experts, s.heads, s.dim}, 2).to(type);
    const Gradient first = both(qkv, d_out, together, dropout);
    const Gradient other =
        both(qkv.index_select(0, order), d_out.index_select(0, order), reordered, dropout);
    EXPECT_TRUE(at::equal(other.out, first.out.index_select(0, order))) << type;
    EXPECT_TRUE(at::equal(other.d_qkv, first.d_qkv.index_select(0, order))) << type;
    const Gradient alone = both(qkv.narrow(0, 65, 3), d_out.narrow(0, 65, 3), one, dropout);
    EXPECT_TRUE(at::equal(alone.out, first.out.narrow(0, 65, 3))) << type;
    EXPECT_TRUE(at::equal(alone.d_qkv, first.d_qkv.narrow(0, 65, 3))) << type;
  }
}

TEST_P(PackedAttentionByIsa, ThreadsAndRunsGiveTheSameBits) {
  const Shape s{3, 2, 64};
  const PackedSamples samples = make_samples(kLengths);
  const AttentionDropout dropout = make_dropout(0.3, s.experts);
  const at::Tensor qkv = make_qkv(samples, s, at::kFloat);
  const at::Tensor d_out =
      random_tensor({samples.num_tokens(), s.experts, s.heads, s.dim}, 2).to(at::kFloat);
  const int threads = at::get_num_threads();
  at::set_num_threads(1);
  const Gradient first = both(qkv, d_out, samples, dropout);
  for (int run = 0; run < 10; ++run) {
    at::set_num_threads(1 + run % 4);
    const Gradient again = both(qkv, d_out, samples, dropout);
    EXPECT_TRUE(at::equal(again.out, first.out)) << run;
    EXPECT_TRUE(at::equal(again.d_qkv, first.d_qkv)) << run;
  }
  at::set_num_threads(threads);
}

// Scores far apart and far from 0: the softmax neither overflows nor loses its largest.
TEST_P(PackedAttentionByIsa, LargeScoresStayFinite) {
  const PackedSamples samples = make_samples({40});
  for (const double size : {30.0, 1e4, 1e15}) {
    const at::Tensor qkv = make_qkv(samples, {1, 2, 16}, at::kFloat);
    qkv.narrow(2, 0, 2).mul_(size);
    const at::Tensor d_out = at::ones_like(qkv.select(2, 0));
    const Gradient actual = both(qkv, d_out, samples, {0.0, {}});
    EXPECT_TRUE(actual.out.isfinite().all().item<bool>()) << size;
    EXPECT_TRUE(actual.d_qkv.isfinite().all().item<bool>()) << size;
    // Each output is a mean of values.
    EXPECT_LE(actual.out.abs().max().item<double>(),
              1.0001 * qkv.select(2, 2).abs().max().item<double>());
  }
}

INSTANTIATE_TEST_SUITE_P(Isa, PackedAttentionByIsa, ::testing::ValuesIn(available_cpu_isas()));

// What a GPU does where flash attention does not serve; half precision is served by it on a CPU
// too.
TEST(PackedAttention, ThePaddedFormEqualsTheReference) {
  PackedSamples samples = make_samples(kLengths);
  samples.max_length += 3;  // of a bucket, not of the batch
  const Shape s{2, 3, 5};
  const at::Tensor qkv = make_qkv(samples, s, at::kDouble);
  const at::Tensor d_out = random_tensor({samples.num_tokens(), 2, 3, 5}, 2);
  for (const double rate : {0.0, 0.3}) {
    const AttentionDropout dropout = make_dropout(rate, 2);
    const auto plain = [&](const auto& v) {
      return packed_attention_padded(v[0], samples, dropout);
    };
    const auto reference = [&](const auto& v) {
      return packed_attention_reference(v[0], samples, rate, dropout.keys_E);
    };
    EXPECT_TRUE(close(plain(std::vector{qkv}), reference(std::vector{qkv}), 10));
    EXPECT_TRUE(
        close(gradients(plain, {qkv}, d_out)[0], gradients(reference, {qkv}, d_out)[0], 10));
  }
}

// Without dropout no matrix of scores is made: only what autograd keeps of padded q, k, v and out.
TEST(PackedAttention, ThePaddedFormHasNoScoresWithoutDropout) {
  static std::int64_t rows = 0;
  const auto start = [](const at::RecordFunction& function) {
    rows += std::string(function.name()) == "hgnn_moe::attention_rows";
    return std::unique_ptr<at::ObserverContext>();
  };
  const PackedSamples samples = make_samples({5, 9});
  const at::Tensor qkv = make_qkv(samples, {2, 3, 4}, at::kFloat);
  const auto handle = at::addThreadLocalCallback(at::RecordFunctionCallback(start));
  packed_attention_padded(qkv, samples, {0.0, {}});
  EXPECT_EQ(rows, 0);
  packed_attention_padded(qkv, samples, make_dropout(0.3, 2));
  EXPECT_EQ(rows, 1);
  at::removeCallback(handle);
}

TEST(PackedAttention, FlashServesHeadsWhoseBackwardPassFitsIntoAGpu) {
  for (const int capability : {80, 86, 89, 90, 100, 120}) {
    EXPECT_TRUE(flash_serves_heads(64, capability));
    EXPECT_TRUE(flash_serves_heads(192, capability));
    EXPECT_FALSE(flash_serves_heads(60, capability)) << "heads come in eights";
    EXPECT_FALSE(flash_serves_heads(264, capability));
  }
  for (const std::int64_t dim : {200, 224, 256}) {
    for (const int capability : {80, 90, 100}) EXPECT_TRUE(flash_serves_heads(dim, capability));
    for (const int capability : {86, 89, 120}) EXPECT_FALSE(flash_serves_heads(dim, capability));
  }
  EXPECT_FALSE(flash_serves_heads(64, 75));
}

TEST(PackedAttention, GradientsMatchFiniteDifferences) {
  const PackedSamples samples = make_samples({3, 0, 1, 9});
  const at::Tensor qkv = make_qkv(samples, {2, 2, 3}, at::kDouble);
  for (const double rate : {0.0, 0.3}) {
    const AttentionDropout dropout = make_dropout(rate, 2);
    EXPECT_TRUE(matches_finite_differences(
        [&](const auto& v) { return packed_attention(v[0], samples, rate, dropout.keys_E); }, {qkv},
        random_tensor({13, 2, 2, 3}, 2)));
  }
}

TEST(PackedAttention, WithoutTokensItIsEmpty) {
  for (const std::vector<std::int64_t>& lengths : {std::vector<std::int64_t>{}, {0, 0}}) {
    const PackedSamples samples = make_samples(lengths);
    for (const at::ScalarType type : {at::kFloat, at::kHalf}) {
      const at::Tensor qkv = make_qkv(samples, {2, 3, 4}, type).set_requires_grad(true);
      const at::Tensor out = packed_attention(qkv, samples, 0.0, {});
      EXPECT_EQ(out.sizes(), at::IntArrayRef({0, 2, 3, 4}));
      out.sum().backward();
    }
  }
}

}  // namespace
}  // namespace hgnn_moe::ops
