// The rows of attention in plain ATen, and the bodies of the CUDA kernels run on the CPU.
#include "src/ops/attention_rows.h"

#include <limits>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "src/ops/attention_rows_launch.h"
#include "tests/ops/host_launcher.h"
#include "tests/support/tensors.h"

#include "hgnn_moe/ops/causal_attention.h"

namespace hgnn_moe::ops {
namespace {

using ::hgnn_moe::testing::close;
using ::hgnn_moe::testing::gradients;
using ::hgnn_moe::testing::random_tensor;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr std::int64_t kExperts = 2, kHeads = 3, kBatch = 2;

AttentionRows make_rows(double rate) {
  return {kExperts,
          kHeads,
          0.4,
          {rate, dropout_keys({0xf23456789abcdef0u, 12})},
          at::tensor(std::vector<std::int64_t>{7, 4000000000}, at::kLong)};
}

// All experts by autograd, in float64: kept, and d_scores for d_kept.
struct Expected {
  at::Tensor kept_HTT, d_scores_HTT;
};

Expected expected_of(const AttentionRows& rows, const at::Tensor& scores_HTT,
                     const at::Tensor& d_kept_HTT) {
  const std::int64_t length = scores_HTT.size(1);
  const auto kept = [&](const std::vector<at::Tensor>& in) {
    std::vector<at::Tensor> experts;
    const at::Tensor s = (in[0] * rows.scale)
                             .view({kExperts, kHeads, kBatch, length, length})
                             .transpose(1, 2)
                             .masked_fill(at::ones({length, length}, at::kBool).triu(1),
                                          -std::numeric_limits<double>::infinity());
    for (std::int64_t e = 0; e < kExperts; ++e) {
      const DropoutStream stream{rows.dropout.rate, rows.dropout.keys_E[e]};
      experts.push_back(counter_dropout(s[e].softmax(-1), stream, rows.sample_indices_B));
    }
    return at::stack(experts).transpose(1, 2).reshape({-1, length, length});
  };
  const at::Tensor exact = scores_HTT.to(at::kDouble);
  return {kept({exact}), gradients(kept, {exact}, d_kept_HTT.to(at::kDouble))[0]};
}

struct Case {
  AttentionRows rows;
  at::Tensor scores, d_kept, kept, log_sum_exp;
  AttentionRowsGradients d;

  Case(double rate, std::int64_t length, at::ScalarType type) : rows(make_rows(rate)) {
    const at::ScalarType state = type == at::kDouble ? at::kDouble : at::kFloat;
    const std::vector<std::int64_t> shape{kExperts * kHeads * kBatch, length, length};
    scores = (3 * random_tensor(shape, 1)).to(state);
    d_kept = random_tensor(shape, 2).to(state);
    kept = at::full(shape, kNan, type);
    log_sum_exp = at::full({shape[0], length}, kNan, state);
    d = {at::full(shape, kNan, type), at::full(shape, kNan, type)};
  }

  void check() const {
    const Expected expected = expected_of(rows, scores, d_kept);
    const double terms = kept.scalar_type() == at::kBFloat16 ? 1 : 60;
    EXPECT_TRUE(close(kept, expected.kept_HTT, terms));
    EXPECT_TRUE(close(d.kept_HTT, expected.kept_HTT, terms));
    EXPECT_TRUE(close(d.d_scores_HTT, expected.d_scores_HTT, terms));
    EXPECT_TRUE(at::equal(kept.eq(0).logical_or(expected.kept_HTT.abs().le(1e-20)),
                          expected.kept_HTT.eq(0).logical_or(expected.kept_HTT.abs().le(1e-20))))
        << "another mask";
  }
};

void for_each_case(const std::function<void(Case&)>& check) {
  for (const std::int64_t length : {1, 3, 4, 12, 70}) {
    for (const double rate : {0.1, 0.6}) {
      for (const at::ScalarType type : {at::kDouble, at::kFloat, at::kBFloat16}) {
        SCOPED_TRACE(::testing::Message() << "T " << length << ", rate " << rate << ", " << type);
        Case c(rate, length, type);
        check(c);
      }
    }
  }
}

TEST(AttentionRows, PlainAtenEqualsAutograd) {
  for_each_case([](Case& c) {
    attention_rows_aten(c.rows, c.scores, c.kept, c.log_sum_exp);
    attention_rows_gradient_aten(c.rows, {c.scores, c.log_sum_exp, c.d_kept}, c.d);
    c.check();
  });
}

TEST(AttentionRows, BodiesEqualAutograd) {
  for_each_case([](Case& c) {
    for (const cuda::ThreadOrder order : kThreadOrders) {
      HostLauncher launcher{order};
      cuda::launch_attention_rows(c.rows, c.scores, c.kept, c.log_sum_exp, launcher);
      cuda::launch_attention_rows_gradient(c.rows, {c.scores, c.log_sum_exp, c.d_kept}, c.d,
                                           launcher);
      c.check();
    }
  });
}

// A row of a sample is short: no thread stands idle beside those of one warp.
TEST(AttentionRows, AShortRowTakesOneWarp) {
  EXPECT_EQ(cuda::threads_for_row(12, 4), 32);
  EXPECT_EQ(cuda::threads_for_row(128, 4), 32);
  EXPECT_EQ(cuda::threads_for_row(132, 4), 64);
  EXPECT_EQ(cuda::threads_for_row(33, 1), 64);
  EXPECT_EQ(cuda::threads_for_row(100000, 4), cuda::kMaxThreads);
}

// Also where it is not a number: a product with 0 would let a NaN through.
TEST(AttentionRows, LaterKeysChangeNothing) {
  Case c(0.3, 12, at::kFloat);
  HostLauncher launcher;
  const auto run = [&] {
    cuda::launch_attention_rows(c.rows, c.scores, c.kept, c.log_sum_exp, launcher);
    cuda::launch_attention_rows_gradient(c.rows, {c.scores, c.log_sum_exp, c.d_kept}, c.d,
                                         launcher);
    return std::vector<at::Tensor>{c.kept.clone(), c.d.kept_HTT.clone(), c.d.d_scores_HTT.clone()};
  };
  const auto before = run();
  const at::Tensor future = at::ones({12, 12}, at::kBool).triu(1);
  c.scores.masked_fill_(future, kNan);
  c.d_kept.masked_fill_(future, kNan);
  const auto after = run();
  for (std::size_t i = 0; i < before.size(); ++i) {
    EXPECT_TRUE(at::equal(before[i], after[i])) << i;
    EXPECT_TRUE(after[i].masked_select(future).eq(0).all().item<bool>()) << i;
  }
}

TEST(AttentionRows, LargeScoresStayFinite) {
  Case c(1e-9, 70, at::kFloat);  // a rate that takes nothing of so few
  c.scores.mul_(1e6);
  HostLauncher launcher;
  cuda::launch_attention_rows(c.rows, c.scores, c.kept, c.log_sum_exp, launcher);
  EXPECT_TRUE(close(c.kept.sum(-1), at::ones({12, 70}, at::kDouble), 100));
}

}  // namespace
}  // namespace hgnn_moe::ops
