#include "hgnn_moe/ops/hgt_attention.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <memory>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/Allocator.h>
#include <c10/util/ThreadLocalDebugInfo.h>
#include <gtest/gtest.h>

#include "hgt_graphs.h"
#include "src/ops/hgt_attention_kernels.h"
#include "tests/support/tensors.h"

#include "hgnn_moe/base/error.h"

namespace hgnn_moe::ops {
namespace {

using namespace ::hgnn_moe::testing;

// A score is a sum of d products of sums of d, and enters an exponent.
double terms_of(const HgtCase& c) { return 20 + 2 * static_cast<double>(c.dim); }

at::Tensor reference(const std::vector<at::Tensor>& v, const HgtEdges& edges) {
  return hgt_attention_reference(v[0], v[1], v[2], {v[3], v[4], v[5]}, edges);
}

at::Tensor attention(const std::vector<at::Tensor>& v, const HgtEdges& edges) {
  return hgt_attention(v[0], v[1], v[2], {v[3], v[4], v[5]}, edges);
}

const char* const kNames[] = {"k", "q", "v", "k_rel", "v_rel", "p_rel"};

class HgtAttentionByIsa : public ::testing::TestWithParam<CpuIsa> {};

// Features that fill whole vectors, as the kernels want them; p_rel / sqrt(d) is folded already.
HgtInputs kernel_inputs(const HgtCase& c, const std::vector<at::Tensor>& v, const HgtEdges& edges) {
  const auto heads = [&](const at::Tensor& x) { return x.view({x.size(0), c.heads, c.dim}); };
  return {heads(v[0]), heads(v[1]), heads(v[2]),
          v[3],        v[4],        v[5] / std::sqrt(static_cast<double>(c.dim)),
          edges};
}

TEST_P(HgtAttentionByIsa, EitherProjectionInAnyTilesEqualsTheReference) {
  const HgtCase cases[] = {{"square", 150, 170, 4, 700, 3, 16, 3.0},
                           {"wide", 90, 60, 2, 400, 2, 48, 2.0},
                           {"hubs", 300, 4, 2, 1500, 1, 32},
                           {"heads of 64", 40, 50, 2, 100, 2, 64}};
  for (const HgtCase& c : cases) {
    const HgtEdges edges = random_hgt_edges(c, 3);
    for (const at::ScalarType type : {at::kDouble, at::kFloat}) {
      const std::vector<at::Tensor> v = random_hgt_inputs(c, type);
      const std::vector<at::Tensor> exact = in_float64(v);
      const at::Tensor cotangent = random_tensor(v[1].sizes(), 8).to(type);
      const std::vector<at::Tensor> expected = gradients(
          [&](const auto& x) { return reference(x, edges); }, exact, cotangent.to(at::kDouble));
      for (const HgtProjection side : {HgtProjection::sources, HgtProjection::destinations}) {
        for (const std::int64_t bytes : {std::int64_t{1}, std::int64_t{1} << 26}) {
          SCOPED_TRACE(::testing::Message()
                       << c << ", " << type << ", sources " << (side == HgtProjection::sources)
                       << ", tiles of " << bytes << " bytes");
          const HgtChoices choices{side, bytes};
          const HgtInputs in = kernel_inputs(c, v, edges);
          const HgtResult result = hgt_attention_cpu(GetParam(), in, choices);
          EXPECT_TRUE(close(result.out_NHd.flatten(1), reference(exact, edges), terms_of(c)));
          const HgtGradients d = hgt_attention_gradient_cpu(
              GetParam(), in, result, cotangent.view(in.q_NHd.sizes()), choices);
          const at::Tensor actual[] = {
              d.k_SHd.flatten(1), d.q_NHd.flatten(1),
              d.v_SHd.flatten(1), d.k_rel_RHdd,
              d.v_rel_RHdd,       d.scale_RH / std::sqrt(static_cast<double>(c.dim))};
          for (std::size_t i = 0; i < 6; ++i) {
            EXPECT_TRUE(close(actual[i], expected[i], 2 * terms_of(c))) << kNames[i];
          }
        }
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Isa, HgtAttentionByIsa, ::testing::ValuesIn(available_cpu_isas()));

TEST(HgtAttention, EqualsTheReferenceForwardAndBackward) {
  for (const HgtCase& c : hgt_cases()) {
    const HgtEdges edges = random_hgt_edges(c, 11);
    for (const at::ScalarType type : {at::kDouble, at::kFloat}) {
      SCOPED_TRACE(::testing::Message() << c << ", " << type);
      const std::vector<at::Tensor> v = random_hgt_inputs(c, type);
      const at::Tensor cotangent = random_tensor(v[1].sizes(), 8).to(type);
      const std::vector<at::Tensor> exact = in_float64(v);
      EXPECT_TRUE(close(attention(v, edges), reference(exact, edges), terms_of(c)));
      const std::vector<at::Tensor> actual =
          gradients([&](const auto& x) { return attention(x, edges); }, v, cotangent);
      const std::vector<at::Tensor> expected = gradients(
          [&](const auto& x) { return reference(x, edges); }, exact, cotangent.to(at::kDouble));
      for (std::size_t i = 0; i < 6; ++i) {
        EXPECT_TRUE(close(actual[i], expected[i], 2 * terms_of(c))) << kNames[i];
      }
    }
  }
}

TEST(HgtAttention, GradientsAreThoseOfFiniteDifferences) {
  for (const HgtCase& c : {HgtCase{"tiny", 3, 4, 3, 6, 2, 3}, HgtCase{"wider", 5, 2, 2, 8, 1, 2}}) {
    SCOPED_TRACE(c);
    const HgtEdges edges = random_hgt_edges(c, 5);
    const std::vector<at::Tensor> v = random_hgt_inputs(c, at::kDouble);
    const at::Tensor cotangent = random_tensor(v[1].sizes(), 8);
    EXPECT_TRUE(matches_finite_differences([&](const auto& x) { return attention(x, edges); }, v,
                                           cotangent));
    EXPECT_TRUE(matches_finite_differences([&](const auto& x) { return reference(x, edges); }, v,
                                           cotangent));
  }
}

// Without an edge a destination gets 0 and gives no gradient.
TEST(HgtAttention, IsolatedNodesGetAndGiveNothing) {
  const HgtCase c{"isolated", 4, 6, 2, 0, 2, 4};
  const HgtEdges edges = make_hgt_edges(4, 6, {{1, {0, 2}, {3, 3}}});
  const std::vector<at::Tensor> v = random_hgt_inputs(c, at::kFloat);
  const at::Tensor out = attention(v, edges);
  const std::vector<at::Tensor> d =
      gradients([&](const auto& x) { return attention(x, edges); }, v, at::ones_like(out));
  const auto has_values_in = [](const at::Tensor& x, const std::vector<std::int64_t>& rows) {
    const at::Tensor with_values = x.flatten(1).ne(0).any(1).nonzero().flatten();
    return at::equal(with_values, at::tensor(rows, at::kLong));
  };
  EXPECT_TRUE(has_values_in(out, {3}));
  EXPECT_TRUE(has_values_in(d[0], {0, 2}));
  EXPECT_TRUE(has_values_in(d[1], {3}));
  EXPECT_TRUE(has_values_in(d[2], {0, 2}));
  for (std::size_t i = 3; i < 6; ++i) EXPECT_TRUE(has_values_in(d[i], {1})) << kNames[i];
}

// A score of 1e4 is known to 1e4 times the machine epsilon, and so is its exponential. Scores past
// what an exponential holds make a maximum of the softmax, no infinity.
TEST(HgtAttention, LargeScoresDoNotOverflow) {
  for (const HgtCase& c : {hgt_cases()[3], hgt_cases()[7], hgt_cases()[8]}) {
    SCOPED_TRACE(c);
    const HgtEdges edges = random_hgt_edges(c, 11);
    std::vector<at::Tensor> v = random_hgt_inputs(c, at::kFloat);
    v[1].mul_(1e3);
    EXPECT_TRUE(close(attention(v, edges), reference(in_float64(v), edges), 2e4));
    v[1].mul_(1e25);
    const at::Tensor out = attention(v, edges);
    EXPECT_TRUE(close(out, reference(in_float64(v), edges), terms_of(c)));
    for (const at::Tensor& d :
         gradients([&](const auto& x) { return attention(x, edges); }, v, at::ones_like(out))) {
      EXPECT_TRUE(d.isfinite().all().item<bool>());
    }
  }
}

TEST(HgtAttention, NotANumberReachesItsDestinationsOnly) {
  const HgtCase c{"a node", 40, 50, 3, 100, 2, 16};
  const HgtEdges edges = random_hgt_edges(c, 2);
  std::vector<at::Tensor> v = random_hgt_inputs(c, at::kFloat);
  const at::Tensor clean = attention(v, edges);
  v[0][7].fill_(std::numeric_limits<float>::quiet_NaN());
  const at::Tensor bad = attention(v, edges).isnan().any(1);
  const at::Tensor expected = reference(v, edges).isnan().any(1);
  EXPECT_TRUE(at::equal(bad, expected));
  EXPECT_GT(bad.sum().item<std::int64_t>(), 0);
  EXPECT_LT(bad.sum().item<std::int64_t>(), 50);
  const at::Tensor good = bad.logical_not();
  EXPECT_TRUE(at::equal(attention(v, edges).index({good}), clean.index({good})));
}

TEST(HgtAttention, ThreadsDoNotChangeABit) {
  const int threads_before = at::get_num_threads();
  for (const HgtCase& c : {hgt_cases()[6], hgt_cases()[7], hgt_cases()[9],
                           HgtCase{"large", 3000, 2000, 3, 9000, 2, 16, 2.0}}) {
    SCOPED_TRACE(c);
    const HgtEdges edges = random_hgt_edges(c, 11);
    const std::vector<at::Tensor> v = random_hgt_inputs(c, at::kFloat);
    const at::Tensor cotangent = random_tensor(v[1].sizes(), 8).to(at::kFloat);
    const auto run = [&](int threads) {
      at::set_num_threads(threads);
      std::vector<at::Tensor> results =
          gradients([&](const auto& x) { return attention(x, edges); }, v, cotangent);
      results.push_back(attention(v, edges));
      return results;
    };
    const std::vector<at::Tensor> expected = run(1);
    for (const int threads : {2, 3, 5}) {
      const std::vector<at::Tensor> actual = run(threads);
      for (std::size_t i = 0; i < expected.size(); ++i) {
        EXPECT_TRUE(at::equal(actual[i], expected[i])) << threads << " threads, tensor " << i;
      }
    }
  }
  at::set_num_threads(threads_before);
}

// Follows what LibTorch's allocator hands out on this thread.
class PeakMemory : public c10::MemoryReportingInfoBase {
 public:
  bool memoryProfilingEnabled() const override { return true; }
  void reportMemoryUsage(void*, std::int64_t size, std::size_t, std::size_t, c10::Device) override {
    now_ += size;
    peak = std::max(peak, now_);
  }
  std::int64_t peak = 0;

 private:
  std::int64_t now_ = 0;
};

std::int64_t peak_bytes(const std::function<void()>& body) {
  const auto memory = std::make_shared<PeakMemory>();
  const c10::DebugInfoGuard guard(c10::DebugInfoKind::PROFILER_STATE, memory);
  body();
  return memory->peak;
}

// 250,000 edges between 1,000 nodes: a vector of 64 features for each would be 64 MB.
TEST(HgtAttention, MemoryDoesNotGrowWithTheEdges) {
  const int threads_before = at::get_num_threads();
  at::set_num_threads(1);  // the report is a thread's
  const auto peak = [](std::int64_t edges_of_relation) {
    const HgtCase c{"dense", 500, 500, 2, edges_of_relation, 2, 32};
    const HgtEdges edges = random_hgt_edges(c, 4);
    const std::vector<at::Tensor> v = random_hgt_inputs(c, at::kFloat);
    const at::Tensor cotangent = at::ones_like(v[1]);
    return peak_bytes(
        [&] { gradients([&](const auto& x) { return attention(x, edges); }, v, cotangent); });
  };
  const std::int64_t few = peak(2000), many = peak(125000);
  EXPECT_GT(few, 500 * 64 * 4);  // the report works
  EXPECT_LT(many, few + (2 << 20));
  at::set_num_threads(threads_before);
}

TEST(HgtAttention, RefusesWhatDoesNotFit) {
  const HgtCase c{"small", 4, 5, 2, 6, 2, 4};
  const HgtEdges edges = random_hgt_edges(c, 2);
  for (std::size_t i = 0; i < 6; ++i) {
    std::vector<at::Tensor> v = random_hgt_inputs(c, at::kFloat);
    v[i] = at::cat({v[i], v[i]}, i < 3 ? 0 : 1);
    EXPECT_THROW(attention(v, edges), InternalError) << kNames[i];
    v = random_hgt_inputs(c, at::kFloat);
    v[i] = v[i].to(at::kDouble);
    EXPECT_THROW(attention(v, edges), InternalError) << kNames[i];
  }
  std::vector<at::Tensor> v = random_hgt_inputs(c, at::kFloat);
  for (std::size_t i = 3; i < 6; ++i) v[i] = v[i].narrow(0, 0, 1);
  EXPECT_THROW(attention(v, edges), InternalError);
  EXPECT_THROW(attention(random_hgt_inputs(c, at::kBFloat16), edges), InternalError);
}

TEST(HgtAttention, IsDifferentiatedOnce) {
  const HgtCase c{"small", 4, 5, 2, 6, 2, 4};
  std::vector<at::Tensor> v = random_hgt_inputs(c, at::kFloat);
  v[0].set_requires_grad(true);
  const at::Tensor out = attention(v, random_hgt_edges(c, 2)).sum();
  EXPECT_THROW(out.backward({}, /*retain_graph=*/true, /*create_graph=*/true), c10::Error);
}

}  // namespace
}  // namespace hgnn_moe::ops
