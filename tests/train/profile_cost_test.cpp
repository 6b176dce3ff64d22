#include "src/train/profile_cost.h"

#include <gtest/gtest.h>

#include "tests/train/profile_support.h"

namespace hgnn_moe {
namespace {

ProfiledCost cost(const std::string& name, std::vector<ProfiledInput> inputs,
                  std::int64_t flops = 0) {
  ProfiledEvent event;
  event.name = name;
  event.inputs = std::move(inputs);
  event.flops = flops;
  return cost_of(event);
}

double floats(const std::string& name, std::vector<ProfiledInput> inputs) {
  return cost(name, std::move(inputs)).bytes / 4.0;
}

const ProfiledInput kNone;

TEST(ProfileCost, ProductsHaveTheProfilersFlops) {
  const ProfiledInput a = tensor({10, 20}), b = tensor({20, 30});
  EXPECT_DOUBLE_EQ(cost("aten::mm", {a, b}, 12000).flops, 12000.0);
  EXPECT_DOUBLE_EQ(floats("aten::mm", {a, b}), 200 + 600 + 300);
  EXPECT_DOUBLE_EQ(floats("aten::addmm", {tensor({30}), a, b}), 30 + 200 + 600 + 300);
  EXPECT_DOUBLE_EQ(floats("aten::bmm", {tensor({5, 2, 3}), tensor({5, 3, 4})}), 30 + 60 + 40);
  EXPECT_DOUBLE_EQ(cost("aten::mm", {tensor({10, 20}, 2), tensor({20, 30}, 2)}).bytes, 2.0 * 1100);
}

// PyTorch's profiler gives no FLOP for them.
TEST(ProfileCost, ProductsInPlaceAndWithAVectorAreCounted) {
  const ProfiledCost in_place =
      cost("aten::addmm_", {tensor({10, 30}), tensor({10, 20}), tensor({20, 30})});
  EXPECT_DOUBLE_EQ(in_place.flops, 2.0 * 10 * 20 * 30);
  const ProfiledCost mv = cost("aten::addmv_", {tensor({7}), tensor({7, 5}), tensor({5})});
  EXPECT_DOUBLE_EQ(mv.flops, 2.0 * 35);
  EXPECT_DOUBLE_EQ(mv.bytes, 4.0 * (7 + 35 + 5 + 7));
}

// N = 6 tokens, E = 3 experts, D = 8, R = 1 row, M = 2 hyperedges with 5 incidences.
TEST(ProfileCost, CouplingOperationsHaveFormulasOfOurOwn) {
  const double ned = 6 * 3 * 8;
  const ProfiledInput x = tensor({6, 3, 8});
  const ProfiledCost shared = cost("hgnn_moe::expert_mix", {tensor({3, 3}), x});
  EXPECT_DOUBLE_EQ(shared.flops, 2 * 3 * ned);
  EXPECT_DOUBLE_EQ(shared.bytes, 4.0 * (9 + 2 * ned));
  const ProfiledCost readout = cost("hgnn_moe::expert_mix", {tensor({6, 1, 3}), x});
  EXPECT_DOUBLE_EQ(readout.flops, 2 * 1 * ned);
  EXPECT_DOUBLE_EQ(readout.bytes, 4.0 * (18 + ned + 6 * 8));
  const ProfiledCost d_mixing =
      cost("hgnn_moe::expert_mix_mixing_gradient", {tensor({6, 1, 8}), tensor({1, 3}), x});
  EXPECT_DOUBLE_EQ(d_mixing.flops, 2 * 1 * ned);
  EXPECT_DOUBLE_EQ(d_mixing.bytes, 4.0 * (48 + 3 + ned + 3));

  const ProfiledInput nodes = tensor({4}, 8), edges = tensor({3}, 8), pairs = tensor({5}, 8);
  const double incidence = 8.0 * (4 + 5 + 3 + 5);
  const ProfiledCost mix = cost("hgnn_moe::hypergraph_mix",
                                {x, nodes, pairs, edges, pairs, tensor({2}), kNone, tensor({8})});
  EXPECT_DOUBLE_EQ(mix.flops, 2 * 3 * ned);
  EXPECT_DOUBLE_EQ(mix.bytes, incidence + 4.0 * (2 * ned + 2 + 8));
  const ProfiledCost d_mix = cost("hgnn_moe::hypergraph_mix_gradient",
                                  {x, x, nodes, pairs, edges, pairs, tensor({6, 2}), kNone, kNone});
  EXPECT_DOUBLE_EQ(d_mix.flops, 4 * 3 * ned);
  EXPECT_DOUBLE_EQ(d_mix.bytes, incidence + 4.0 * (3 * ned + 2 * 12));

  const ProfiledInput weight = tensor({1, 16}), bias = tensor({1}), adjacency = tensor({3, 3});
  const ProfiledCost message = cost("hgnn_moe::gnn_message", {x, weight, bias, adjacency});
  EXPECT_DOUBLE_EQ(message.flops, (4 + 2 * 3) * ned);
  EXPECT_DOUBLE_EQ(message.bytes, 4.0 * (2 * ned + 16 + 1 + 9));
  const ProfiledCost d_message =
      cost("hgnn_moe::gnn_message_gradient", {x, x, weight, bias, adjacency});
  EXPECT_DOUBLE_EQ(d_message.flops, (12 + 4 * 3) * ned);
  EXPECT_DOUBLE_EQ(d_message.bytes, 4.0 * (3 * ned + 2 * (16 + 1 + 9)));
}

TEST(ProfileCost, DropoutReadsAndWrites) {
  const ProfiledCost dropout = cost("hgnn_moe::counter_dropout", {tensor({4, 16, 8})});
  EXPECT_DOUBLE_EQ(dropout.flops, 0.0);
  EXPECT_DOUBLE_EQ(dropout.bytes, 4.0 * 2 * 4 * 16 * 8);
}

TEST(ProfileCost, CausalAttentionIsHalfOfTheProducts) {
  const ProfiledInput q = tensor({2, 4, 16, 8});
  const char* forward = "aten::_scaled_dot_product_flash_attention_for_cpu";
  EXPECT_DOUBLE_EQ(cost(forward, {q, q, q}).flops, 2.0 * (2 * 4) * 16 * 16 * 8);
  EXPECT_DOUBLE_EQ(cost(std::string(forward) + "_backward", {q, q, q, q}).flops,
                   5.0 * (2 * 4) * 16 * 16 * 8);
}

// Samples of 3 and 4 tokens, E = 3 experts, A = 2 heads of d = 8.
TEST(ProfileCost, PackedAttentionIsHalfOfTheProductsOfEachSample) {
  const ProfiledInput heads = tensor({7, 3, 2, 8}), qkv = tensor({7, 3, 3, 2, 8});
  const double row = 3 * 2 * 8, squares = 3 * 3 + 4 * 4;
  const ProfiledCost forward = cost("hgnn_moe::packed_attention", {heads, qkv, integers({25})});
  EXPECT_DOUBLE_EQ(forward.flops, 2 * squares * row);
  EXPECT_DOUBLE_EQ(forward.bytes, 4.0 * 7 * (1 + 3) * row);
  const ProfiledCost backward =
      cost("hgnn_moe::packed_attention_gradient", {heads, qkv, qkv, integers({25})});
  EXPECT_DOUBLE_EQ(backward.flops, 5 * squares * row);
  EXPECT_DOUBLE_EQ(backward.bytes, 4.0 * 7 * (1 + 3 + 3) * row);
}

// mm_out and the like are recorded with their result behind the other inputs.
TEST(ProfileCost, AnOutputAmongTheInputsCountsOnce) {
  ProfiledEvent event;
  event.has_output = true;
  const auto bytes = [&](const char* name, std::vector<ProfiledInput> inputs) {
    event.name = name;
    event.inputs = std::move(inputs);
    return cost_of(event).bytes;
  };
  const ProfiledInput a = tensor({10, 20}), b = tensor({20, 30}), product = tensor({10, 30});
  EXPECT_DOUBLE_EQ(bytes("aten::mm", {a, b, product}), 4.0 * (200 + 600 + 300));
  EXPECT_DOUBLE_EQ(cost_of(event).flops, 2.0 * 10 * 20 * 30);
  EXPECT_DOUBLE_EQ(bytes("aten::addmm", {tensor({30}), a, b, kNone, kNone, product}),
                   4.0 * (30 + 200 + 600 + 300));
  EXPECT_DOUBLE_EQ(bytes("aten::mm", {tensor({10, 20}, 2), tensor({20, 30}, 2), kNone, product}),
                   2.0 * (200 + 600) + 4.0 * 300);
  EXPECT_DOUBLE_EQ(bytes("aten::neg", {tensor({10}), tensor({10})}), 4.0 * 20);
  EXPECT_DOUBLE_EQ(bytes("aten::sum", {product, integers({0}), kNone, kNone, tensor({30})}),
                   4.0 * (300 + 30));
}

TEST(ProfileCost, OtherOutputsFollowFromTheInputs) {
  const ProfiledInput x = tensor({4, 6}), row = tensor({6});
  EXPECT_DOUBLE_EQ(floats("aten::add", {x, row}), 24 + 6 + 24);
  EXPECT_DOUBLE_EQ(floats("aten::add", {tensor({4, 1}), row}), 4 + 6 + 24);
  EXPECT_DOUBLE_EQ(floats("aten::gelu", {x}), 48);
  EXPECT_DOUBLE_EQ(floats("aten::add_", {x, row}), 24 + 6 + 24);  // read and written
  EXPECT_DOUBLE_EQ(floats("aten::copy_", {x, x}), 48);
  EXPECT_DOUBLE_EQ(floats("aten::fill_", {x}), 24);
  EXPECT_DOUBLE_EQ(floats("aten::sum", {x}), 24 + 1);
  EXPECT_DOUBLE_EQ(floats("aten::sum", {x, integers({0})}), 24 + 6);
  EXPECT_DOUBLE_EQ(floats("aten::sum", {x, integers({-1})}), 24 + 4);
  EXPECT_DOUBLE_EQ(floats("aten::linalg_vector_norm", {x, kNone, integers({1})}), 24 + 4);
  EXPECT_DOUBLE_EQ(cost("aten::copy_", {tensor({5}), tensor({5}, 2)}).bytes, 5.0 * (4 + 2));

  ProfiledInput list = x;
  list.tensors.push_back(tensor({2, 6}).tensors.front());
  EXPECT_DOUBLE_EQ(floats("aten::cat", {list}), 2 * (24 + 12));
  EXPECT_DOUBLE_EQ(floats("aten::_foreach_mul_", {list}), 2 * (24 + 12));
  // Parameters, gradients, two moments, none, steps: four lists are read and three written.
  EXPECT_DOUBLE_EQ(floats("aten::_fused_adamw_", {list, list, list, list, kNone, tensor({2})}),
                   7 * 36 + 2);
}

TEST(ProfileCost, LookupsTouchTheirRowsAlone) {
  const ProfiledInput table = tensor({1000, 8}), index = tensor({5}, 8);
  EXPECT_DOUBLE_EQ(cost("aten::index_select", {table, integers({0}), index}).bytes,
                   8.0 * 5 + 4.0 * 2 * 5 * 8);
  EXPECT_DOUBLE_EQ(cost("aten::nll_loss_forward", {tensor({5, 1000}), index}).bytes,
                   8.0 * 5 + 4.0 * 2 * 5);
}

TEST(ProfileCost, AnExpandedTensorIsInMemoryOnce) {
  ProfiledInput expanded = tensor({100, 6});
  expanded.tensors.front().stored = 6;
  EXPECT_DOUBLE_EQ(floats("aten::copy_", {tensor({100, 6}), expanded}), 600 + 6);
}

TEST(ProfileCost, WhatMovesNoDataHasNoRole) {
  ProfiledEvent event;
  const auto role = [&](const char* name) {
    event.name = name;
    return role_of(event);
  };
  EXPECT_EQ(role("aten::view"), ProfiledRole::none);
  EXPECT_EQ(role("aten::empty"), ProfiledRole::none);
  EXPECT_EQ(role("aten::zero_"), ProfiledRole::fill);
  EXPECT_EQ(role("aten::addmm"), ProfiledRole::kernel);
  EXPECT_EQ(role("hgnn_moe::gnn_message_gradient"), ProfiledRole::kernel);
  EXPECT_EQ(role("aten::gelu"), ProfiledRole::regular);
  event.kind = ProfiledKind::backward;
  EXPECT_EQ(role("aten::gelu"), ProfiledRole::none);
}

}  // namespace
}  // namespace hgnn_moe
