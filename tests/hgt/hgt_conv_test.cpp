#include "hgnn_moe/hgt/hgt_conv.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include "hgt_support.h"

#include "hgnn_moe/base/error.h"
#include "hgnn_moe/base/json.h"

namespace hgnn_moe::hgt {
namespace {

using namespace ::hgnn_moe::testing;

// A layer of tests/golden/hgt-*.safetensors, which torch_geometric's HGTConv wrote.
struct GoldenLayer {
  explicit GoldenLayer(const GoldenFile& golden, at::ScalarType type)
      : schema(schema_of_file(golden)), parameters(0, type, at::kCPU) {
    for (const kg::NodeType& t : schema.node_types) {
      options.in_dims.push_back(golden.at("x." + t.name).size(1));
      x.push_back(golden.at("x." + t.name).to(type).clone().set_requires_grad(true));
    }
    options.out_dim = std::stoll(golden.metadata.at("out_channels"));
    options.num_heads = std::stoll(golden.metadata.at("heads"));
    const HgtConv conv(parameters, "", schema, options);
    const c10::NoGradGuard no_grad;
    for (const NamedParameter& parameter : parameters.list()) {
      parameter.tensor.copy_(golden.at("param." + parameter.name));
    }
    const c10::AutoGradMode with_grad(true);
    out = conv(make_block_tensors(block_of_file(golden), schema, at::kCPU), x);
  }

  static Schema schema_of_file(const GoldenFile& golden) {
    Schema schema;
    std::int32_t first = 0;
    const auto types = parse_json(golden.metadata.at("node_types"), "golden", ExitCode::data);
    for (const auto& name : types.get<std::vector<std::string>>()) {
      const auto count = static_cast<std::int32_t>(golden.at("x." + name).size(0));
      schema.node_types.push_back({name, first, count});
      first += count;
    }
    const auto names = parse_json(golden.metadata.at("relations"), "golden", ExitCode::data);
    schema.relations = names.get<std::vector<std::string>>();
    return schema;
  }

  kg::Block block_of_file(const GoldenFile& golden) const {
    kg::Block block;
    for (std::int32_t node = 0; node < schema.num_nodes(); ++node) {
      block.sources.push_back(node);
      block.destinations.push_back(node);
    }
    for (std::size_t r = 0; r < schema.relations.size(); ++r) {
      // Node numbers of the graph, [2, e], sorted by tail, then head.
      const at::Tensor edges = golden.at("edges." + schema.relations[r]);
      kg::BlockEdges of_relation;
      of_relation.relation = static_cast<std::int32_t>(r);
      for (std::int64_t e = 0; e < edges.size(1); ++e) {
        of_relation.heads.push_back(edges[0][e].item<std::int32_t>());
        of_relation.tails.push_back(edges[1][e].item<std::int32_t>());
      }
      block.relations.push_back(of_relation);
    }
    return block;
  }

  Schema schema;
  Parameters parameters;
  HgtConvOptions options;
  std::vector<at::Tensor> x, out;
};

TEST(HgtConv, EqualsTorchGeometricsWithItsWeights) {
  for (const std::string& name : golden_names("hgt-")) {
    const GoldenFile golden = read_golden(name);
    for (const at::ScalarType type : {at::kDouble, at::kFloat}) {
      SCOPED_TRACE(::testing::Message() << name << ", " << type);
      const double forward = type == at::kDouble ? 1e-12 : 1e-5;
      const double backward = type == at::kDouble ? 1e-11 : 1e-4;
      const GoldenLayer layer(golden, type);
      at::Tensor objective = at::zeros({}, type);
      int compared = 0;
      for (std::size_t t = 0; t < layer.out.size(); ++t) {
        const std::string& of_type = layer.schema.node_types[t].name;
        if (golden.tensors.count("out." + of_type) == 0) continue;  // nothing leads to the type
        EXPECT_TRUE(within(layer.out[t], golden.at("out." + of_type), forward)) << of_type;
        objective = objective + (layer.out[t] * golden.at("cotangent." + of_type).to(type)).sum();
        ++compared;
      }
      EXPECT_GE(compared, 2);
      objective.backward();
      std::size_t gradients = 0;
      for (const NamedParameter& parameter : layer.parameters.list()) {
        if (golden.tensors.count("grad." + parameter.name) == 0) continue;
        ++gradients;
        EXPECT_TRUE(within(parameter.tensor.grad(), golden.at("grad." + parameter.name), backward))
            << parameter.name;
      }
      EXPECT_GE(gradients, layer.parameters.list().size() - 6);
      for (std::size_t t = 0; t < layer.x.size(); ++t) {
        const std::string& of_type = layer.schema.node_types[t].name;
        EXPECT_TRUE(within(layer.x[t].grad(), golden.at("grad_x." + of_type), backward)) << of_type;
      }
    }
  }
}

HgtConvOptions small_options(bool layer_norm = false) { return {{8, 5, 8, 3}, 8, 2, layer_norm}; }

std::vector<at::Tensor> small_features(const Schema& schema, const HgtConvOptions& options) {
  std::vector<at::Tensor> x;
  for (std::size_t t = 0; t < schema.node_types.size(); ++t) {
    x.push_back(random_tensor({schema.node_types[t].count, options.in_dims[t]}, 40 + t));
  }
  return x;
}

TEST(HgtConv, PublishesItsParametersInAFixedOrder) {
  Parameters parameters(1, at::kFloat, at::kCPU);
  const HgtConv conv(parameters, "convs.0.", schema_of(small_graph()), small_options(true));
  std::vector<std::string> names;
  for (const NamedParameter& parameter : parameters.list()) names.push_back(parameter.name);
  ASSERT_EQ(names.size(), 8u + 8u + 2u + 4u + 6u + 8u);
  EXPECT_EQ(names[0], "convs.0.kqv_lin.lins.drug.weight");
  EXPECT_EQ(names[3], "convs.0.kqv_lin.lins.gene/protein.bias");
  EXPECT_EQ(names[8], "convs.0.out_lin.lins.drug.weight");
  EXPECT_EQ(names[16], "convs.0.k_rel.weight");
  EXPECT_EQ(names[17], "convs.0.v_rel.weight");
  EXPECT_EQ(names[18], "convs.0.skip.drug");
  EXPECT_EQ(names[22], "convs.0.p_rel.drug__targets__gene/protein");
  EXPECT_EQ(names[28], "convs.0.norms.drug.weight");
  EXPECT_EQ(parameters.list()[16].tensor.sizes(), at::IntArrayRef({12, 4, 4}));
  // Uniform within 1/sqrt(d) = 1/2, and 1.
  EXPECT_LE(parameters.list()[16].tensor.abs().max().item<double>(), 0.5);
  EXPECT_GT(parameters.list()[16].tensor.abs().max().item<double>(), 0.4);
  EXPECT_TRUE(parameters.list()[18].tensor.eq(1).all().item<bool>());
}

// Of a node without an edge: gelu(0) = 0, so out_lin leaves its bias, and then the skip connection.
TEST(HgtConv, NodesWithoutEdgesGetTheBias) {
  Parameters parameters(1, at::kDouble, at::kCPU);
  const Schema schema = schema_of(small_graph());
  const HgtConv conv(parameters, "", schema, small_options());
  disturb(parameters.list());
  const std::vector<at::Tensor> x = small_features(schema, small_options());
  const std::vector<at::Tensor> out =
      conv(make_block_tensors(whole_block(small_graph()), schema, at::kCPU), x);
  const at::Tensor share = at::sigmoid(parameters.list()[18].tensor);  // skip.drug
  const at::Tensor bias = parameters.list()[9].tensor;                 // out_lin.lins.drug.bias
  EXPECT_TRUE(close(out[0][11], share * bias + (1 - share) * x[0][11], 4));
  for (std::int64_t n = 0; n < 3; ++n) {
    EXPECT_TRUE(close(out[3][n], parameters.list()[15].tensor, 4));  // side effects: another width
  }
  EXPECT_FALSE(close(out[0], share * bias + (1 - share) * x[0], 4));  // others have edges
}

TEST(HgtConv, ABlockOfSomeNodesEqualsTheWholeGraphThere) {
  Parameters parameters(1, at::kDouble, at::kCPU);
  const kg::Graph graph = small_graph();
  const Schema schema = schema_of(graph);
  const HgtConv conv(parameters, "", schema, small_options());
  disturb(parameters.list());
  const std::vector<at::Tensor> x = small_features(schema, small_options());
  const std::vector<at::Tensor> whole =
      conv(make_block_tensors(whole_block(graph), schema, at::kCPU), x);
  const kg::Block block = block_of_nodes(graph, 10, 22);  // drugs 10, 11, all genes, diseases 0, 1
  std::vector<at::Tensor> of_sources;
  for (std::size_t t = 0; t < x.size(); ++t) {
    std::vector<std::int64_t> rows;
    for (const std::int32_t node : block.sources) {
      const kg::NodeType& type = schema.node_types[t];
      if (node >= type.first && node < type.first + type.count) rows.push_back(node - type.first);
    }
    of_sources.push_back(x[t].index_select(0, at::tensor(rows, at::kLong)));
  }
  const std::vector<at::Tensor> part =
      conv(make_block_tensors(block, schema, at::kCPU), of_sources);
  EXPECT_LT(block.sources.size(), 40u);
  EXPECT_TRUE(close(part[0], whole[0].narrow(0, 10, 2), 20));
  EXPECT_TRUE(close(part[1], whole[1], 20));
  EXPECT_TRUE(close(part[2], whole[2].narrow(0, 0, 2), 20));
  EXPECT_EQ(part[3].size(0), 0);
}

TEST(HgtConv, WorksWithoutAnyEdge) {
  kg::Graph graph = small_graph();
  for (kg::Relation& relation : graph.relations) relation.edges = {};
  Parameters parameters(1, at::kFloat, at::kCPU);
  const Schema schema = schema_of(graph);
  const HgtConv conv(parameters, "", schema, small_options());
  std::vector<at::Tensor> x = small_features(schema, small_options());
  for (at::Tensor& of_type : x) of_type = of_type.to(at::kFloat);
  const std::vector<at::Tensor> out =
      conv(make_block_tensors(whole_block(graph), schema, at::kCPU), x);
  EXPECT_EQ(out[1].sizes(), at::IntArrayRef({18, 8}));
  EXPECT_TRUE(close(out[1][0], parameters.list()[11].tensor, 4));
}

TEST(HgtConv, LayerNormIsTheLastStep) {
  const Schema schema = schema_of(small_graph());
  const auto run = [&](bool layer_norm) {
    Parameters parameters(1, at::kDouble, at::kCPU);
    const HgtConv conv(parameters, "", schema, small_options(layer_norm));
    return conv(make_block_tensors(whole_block(small_graph()), schema, at::kCPU),
                small_features(schema, small_options()));
  };
  const std::vector<at::Tensor> plain = run(false), normed = run(true);
  for (std::size_t t = 0; t < plain.size(); ++t) {
    EXPECT_TRUE(close(normed[t], at::layer_norm(plain[t], {8}), 20)) << t;
  }
}

// pyHGT drops what out_lin gives, before the skip connection; masks follow the node, not its place.
TEST(HgtConv, DropoutFollowsTheNodes) {
  const kg::Graph graph = small_graph();
  const Schema schema = schema_of(graph);
  HgtConvOptions options{{8, 8, 8, 8}, 8, 2, false};
  Parameters parameters(1, at::kDouble, at::kCPU);
  const HgtConv conv(parameters, "", schema, options);
  std::vector<at::Tensor> x;
  for (const kg::NodeType& type : schema.node_types) {
    x.push_back(at::zeros({type.count, 8}, at::kDouble));
  }
  const ops::DropoutStream stream{0.5, ops::dropout_keys({77})};
  const BlockTensors whole = make_block_tensors(whole_block(graph), schema, at::kCPU);
  const std::vector<at::Tensor> plain = conv(whole, x), dropped = conv(whole, x, stream);
  // Features are 0, so an output is sigmoid(1) out_lin, which dropout doubles or takes away.
  const at::Tensor kept = dropped[1].ne(0);
  EXPECT_TRUE(close(dropped[1], plain[1] * 2 * kept.to(at::kDouble), 4));
  EXPECT_NEAR(kept.to(at::kDouble).mean().item<double>(), 0.5, 0.2);
  const kg::Block some = block_of_nodes(graph, 15, 6);
  const BlockTensors part = make_block_tensors(some, schema, at::kCPU);
  std::vector<at::Tensor> of_sources;
  for (const TypeNodes& nodes : part.types) {
    of_sources.push_back(at::zeros({nodes.num_sources, 8}, at::kDouble));
  }
  EXPECT_TRUE(close(conv(part, of_sources, stream)[1], dropped[1].narrow(0, 3, 6), 20));
  EXPECT_FALSE(at::equal(conv(whole, x, {0.5, ops::dropout_keys({78})})[1], dropped[1]));
}

TEST(HgtConv, RefusesFeaturesThatDoNotFit) {
  Parameters parameters(1, at::kDouble, at::kCPU);
  const Schema schema = schema_of(small_graph());
  EXPECT_THROW(HgtConv(parameters, "", schema, {{8, 5, 8, 3}, 8, 3, false}), InternalError);
  EXPECT_THROW(HgtConv(parameters, "", schema, {{8, 5, 8}, 8, 2, false}), InternalError);
  const HgtConv conv(parameters, "", schema, small_options());
  std::vector<at::Tensor> x = small_features(schema, small_options());
  x[1] = x[1].narrow(0, 0, 17);
  const BlockTensors block = make_block_tensors(whole_block(small_graph()), schema, at::kCPU);
  EXPECT_THROW(conv(block, x), InternalError);
}

}  // namespace
}  // namespace hgnn_moe::hgt
