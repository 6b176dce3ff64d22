#include "hgnn_moe/train/needed_flops.h"

#include <numeric>

#include <gtest/gtest.h>

namespace hgnn_moe {
namespace {

// The main case of bench/step/case.py.
ModelConfig main_case(CouplerType coupler) {
  ModelConfig model;
  model.vocab_size = 50257;
  model.max_seq_length = 128;
  model.embed_dim = 384;
  model.num_layers = 4;
  model.num_heads = 6;
  model.num_experts = 4;
  model.coupler_layers = 2;
  model.coupler_type = coupler;
  if (coupler == CouplerType::hgnn) {
    model.hypergraph = ops::complete_uniform_hypergraph(4, 2);
  }
  return model;
}

data::Batch batch_of(const std::vector<std::int64_t>& lengths) {
  data::Batch batch;
  batch.size = static_cast<std::int64_t>(lengths.size());
  batch.lengths = lengths;
  batch.real_tokens = std::accumulate(lengths.begin(), lengths.end(), std::int64_t{0});
  batch.real_targets = batch.real_tokens - batch.size;
  return batch;
}

// The numbers of bench/step/flops.py, which bench/tests/test_step_flops.py holds too.
TEST(NeededFlops, EqualThoseOfTheBenchmark) {
  const data::Batch full = batch_of(std::vector<std::int64_t>(8, 128));
  const data::Batch some = batch_of({128, 77, 3, 1});
  EXPECT_EQ(needed_flops(main_case(CouplerType::hgnn), full), 302840100864.0);
  EXPECT_EQ(needed_flops(main_case(CouplerType::hgnn), some), 62297314560.0);
  EXPECT_EQ(needed_flops(main_case(CouplerType::gnn), full), 358519486464.0);
  EXPECT_EQ(needed_flops(main_case(CouplerType::gnn), some), 72737015040.0);
}

TEST(NeededFlops, CouplersDifferByTheirFormulas) {
  const data::Batch batch = batch_of({100});
  const double d = 384, n = 100, e = 4, layers = 3 * 4;
  const double none = needed_flops(main_case(CouplerType::none), batch);
  const double mean = needed_flops(main_case(CouplerType::mean), batch);
  EXPECT_EQ(mean - none, layers * 2 * d * d * n);
  ModelConfig model = main_case(CouplerType::hgnn);
  EXPECT_EQ(needed_flops(model, batch) - mean, layers * (2 * e * d * n + 2 * 2 * d * d * n));
  model.residual = true;  // nothing collapses
  EXPECT_EQ(needed_flops(model, batch) - mean,
            layers * (2 * e * d * n + 2 * (2 * d * d + 2 * e * d) * e * n));
  model.hypergraph = {};
  EXPECT_EQ(needed_flops(model, batch), mean);
}

TEST(NeededFlops, OneExpertHasNoNeighbours) {
  const data::Batch batch = batch_of({100});
  const double d = 384, n = 100, layers = 3 * 4;
  ModelConfig model = main_case(CouplerType::gnn);
  model.num_experts = 1;
  const double gnn = needed_flops(model, batch);
  EXPECT_EQ(gnn, 16864918272.0);  // of bench/tests/test_step_flops.py, too
  model.coupler_type = CouplerType::mean;
  EXPECT_EQ(gnn - needed_flops(model, batch), layers * 2 * 2 * d * d * n);
}

TEST(PeakFlops, KnowsDevicesByTheirNames) {
  EXPECT_DOUBLE_EQ(*peak_flops("NVIDIA H100 80GB HBM3", Precision::bf16), 989.4e12);
  EXPECT_DOUBLE_EQ(*peak_flops("NVIDIA H100 PCIe", Precision::bf16), 756e12);
  EXPECT_DOUBLE_EQ(*peak_flops("NVIDIA H100 NVL", Precision::tf32), 417.5e12);
  EXPECT_DOUBLE_EQ(*peak_flops("NVIDIA H200", Precision::fp32), 66.9e12);
  EXPECT_DOUBLE_EQ(*peak_flops("NVIDIA GH200 480GB", Precision::bf16), 989.4e12);
  EXPECT_DOUBLE_EQ(*peak_flops("NVIDIA A100-SXM4-80GB", Precision::tf32), 156e12);
  EXPECT_DOUBLE_EQ(*peak_flops("NVIDIA A10", Precision::bf16), 125e12);
  EXPECT_DOUBLE_EQ(*peak_flops("NVIDIA L4", Precision::fp32), 30.3e12);
  EXPECT_DOUBLE_EQ(*peak_flops("NVIDIA GeForce RTX 4090", Precision::bf16), 165.2e12);
}

TEST(PeakFlops, GuessesNone) {
  for (const char* name : {"the CPU", "", "NVIDIA A1000", "NVIDIA H1000", "NVIDIA RTX A4000",
                           "NVIDIA GeForce RTX 4090 Laptop GPU", "NVIDIA GeForce RTX 4090 D",
                           "NVIDIA GeForce RTX 3090 Ti", "NVIDIA H100 80GB HBM3 MIG 1g.10gb"}) {
    EXPECT_EQ(peak_flops(name, Precision::bf16), std::nullopt) << name;
  }
}

}  // namespace
}  // namespace hgnn_moe
