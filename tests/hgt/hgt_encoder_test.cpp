#include "hgnn_moe/hgt/hgt_encoder.h"

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include "hgt_support.h"

#include "hgnn_moe/base/error.h"
#include "hgnn_moe/hgt/tiled_inference.h"
#include "hgnn_moe/kg/neighbor_sampler.h"

namespace hgnn_moe::hgt {
namespace {

using namespace ::hgnn_moe::testing;

HgtEncoderOptions small_options(NodeFeatures features, std::int64_t layers = 2) {
  HgtEncoderOptions options;
  options.hidden_dim = 8;
  options.embedding_dim = 6;
  options.num_layers = layers;
  options.num_heads = 2;
  options.input.kind = features;
  options.input.given_dims = {4, 2, 3, 1};
  return options;
}

std::vector<std::int32_t> all_numbers() {
  std::vector<std::int32_t> nodes(kSmallGraphNodes);
  for (std::int32_t n = 0; n < kSmallGraphNodes; ++n) nodes[n] = n;
  return nodes;
}

struct Model {
  explicit Model(const HgtEncoderOptions& options, at::ScalarType type = at::kDouble)
      : parameters(3, type, at::kCPU), encoder(parameters, "", schema_of(small_graph()), options) {
    disturb(parameters.list());
    if (options.input.kind != NodeFeatures::given) return;
    std::vector<at::Tensor> given;
    for (std::size_t t = 0; t < 4; ++t) {
      given.push_back(random_tensor(
          {encoder.schema().node_types[t].count, options.input.given_dims[t]}, 20 + t));
    }
    encoder.input().set_given(given);
  }

  at::Tensor embed_in_one_block() const {
    const BlockTensors block =
        make_block_tensors(whole_block(small_graph()), encoder.schema(), at::kCPU);
    return encoder(std::vector<BlockTensors>(encoder.num_layers(), block),
                   encoder.input()(all_numbers()).by_type);
  }

  Parameters parameters;
  HgtEncoder encoder;
};

TEST(HgtEncoder, PublishesDistinctNames) {
  const Model model(small_options(NodeFeatures::learned));
  std::set<std::string> names{model.encoder.input().node_embeddings().name};
  for (const NamedParameter& parameter : model.parameters.list()) names.insert(parameter.name);
  EXPECT_EQ(names.size(), model.parameters.list().size() + 1);
  EXPECT_EQ(names.count("node_emb.weight"), 1u);
  EXPECT_EQ(names.count("convs.1.skip.disease"), 1u);
  EXPECT_EQ(names.count("out_dict.gene/protein.bias"), 1u);
  EXPECT_EQ(names.count("lin_dict.drug.weight"), 0u);
  const Model with_features(small_options(NodeFeatures::given));
  EXPECT_EQ(with_features.parameters.list()[0].name, "lin_dict.drug.weight");
}

TEST(HgtEncoder, TilesOfAnySizeEqualOneBlock) {
  for (const NodeFeatures kind : {NodeFeatures::learned, NodeFeatures::given, NodeFeatures::ones}) {
    for (const std::int64_t layers : {0, 1, 3}) {
      for (const bool jumps : {false, true}) {
        HgtEncoderOptions options = small_options(kind, layers);
        options.jumping_knowledge = jumps;
        const Model model(options);
        const at::Tensor expected = model.embed_in_one_block();
        EXPECT_EQ(expected.sizes(), at::IntArrayRef({kSmallGraphNodes, 6}));
        for (const std::int64_t tile : {1, 7, 13, 40, 1000}) {
          SCOPED_TRACE(::testing::Message() << layers << " layers, tiles of " << tile);
          EXPECT_TRUE(close(embed_all_nodes(model.encoder, small_graph(), tile), expected, 40));
        }
      }
    }
  }
}

TEST(HgtEncoder, ABatchOfSeedsEqualsTheWholeGraph) {
  const kg::Graph graph = small_graph();
  HgtEncoderOptions options = small_options(NodeFeatures::learned);
  options.jumping_knowledge = true;
  const Model model(options);
  // Two hops around nodes 28 to 32: genes and diseases.
  const kg::Block last = block_of_nodes(graph, 28, 5);
  kg::Block first = whole_block(graph);
  kg::Block cut;
  cut.sources = first.sources;
  cut.destinations = last.sources;  // as positions: all nodes are sources
  for (const kg::BlockEdges& edges : first.relations) {
    kg::BlockEdges kept{edges.relation, {}, {}};
    for (std::size_t e = 0; e < edges.heads.size(); ++e) {
      const auto at =
          std::lower_bound(cut.destinations.begin(), cut.destinations.end(), edges.tails[e]);
      if (at == cut.destinations.end() || *at != edges.tails[e]) continue;
      kept.heads.push_back(edges.heads[e]);
      kept.tails.push_back(static_cast<std::int32_t>(at - cut.destinations.begin()));
    }
    if (!kept.heads.empty()) cut.relations.push_back(kept);
  }
  const Schema& schema = model.encoder.schema();
  const std::vector<BlockTensors> blocks{make_block_tensors(cut, schema, at::kCPU),
                                         make_block_tensors(last, schema, at::kCPU)};
  const InputFeatures input = model.encoder.input()(cut.sources);
  const at::Tensor embeddings = model.encoder(blocks, input.by_type);
  EXPECT_TRUE(close(embeddings, model.embed_in_one_block().narrow(0, 28, 5), 40));
}

// The output layer's columns are those of the input, then of each layer.
TEST(HgtEncoder, JumpingKnowledgeReadsTheInputAndEveryLayer) {
  HgtEncoderOptions options = small_options(NodeFeatures::learned, 2);
  options.jumping_knowledge = true;
  const Model model(options);
  const std::int64_t hidden = options.hidden_dim;
  const auto zero_out = [&](std::int64_t first, std::int64_t count) {
    const c10::NoGradGuard no_grad;
    for (const NamedParameter& parameter : model.parameters.list()) {
      if (parameter.name.rfind("out_dict.", 0) != 0 || parameter.tensor.dim() != 2) continue;
      EXPECT_EQ(parameter.tensor.size(1), 3 * hidden);
      parameter.tensor.narrow(1, first, count).zero_();
    }
  };
  const at::Tensor all = model.embed_in_one_block();
  zero_out(hidden, hidden);  // the first layer
  const at::Tensor without_first = model.embed_in_one_block();
  EXPECT_FALSE(at::allclose(all, without_first));
  zero_out(2 * hidden, hidden);  // and the second
  const at::Tensor of_input = model.embed_in_one_block();
  EXPECT_FALSE(at::allclose(without_first, of_input));
  const at::Tensor table = model.encoder.input().node_embeddings().tensor;
  table.mul_(2);  // what is left is linear in the input, but for the bias
  const at::Tensor doubled = model.embed_in_one_block();
  table.zero_();
  EXPECT_TRUE(at::allclose(doubled, 2 * of_input - model.embed_in_one_block(), 1e-5, 1e-5));
}

// On sampled blocks, whose destinations stand anywhere among the sources.
TEST(HgtEncoder, JumpingKnowledgeIsTheInputAndEveryLayerOfTheSeedsSideBySide) {
  HgtEncoderOptions options = small_options(NodeFeatures::learned, 2);
  options.jumping_knowledge = true;
  const Model model(options);
  const kg::NeighborSampler sampler(kg::MessageGraph(small_graph()), {2, 3}, 7);
  const std::vector<std::int32_t> seeds{5, 9, 20, 27, 33, 35, 38};
  const std::vector<kg::Block> hops = sampler.sample(seeds, 0);
  const Schema& schema = model.encoder.schema();
  std::vector<BlockTensors> blocks;
  for (const kg::Block& hop : hops) blocks.push_back(make_block_tensors(hop, schema, at::kCPU));

  // Nodes of a type among the sources of a layer, and the rows of the type's seeds among them.
  const auto rows_of_seeds = [&](const std::vector<std::int32_t>& nodes, std::size_t t) {
    std::vector<std::int64_t> rows;
    std::int64_t row = 0;
    for (const std::int32_t node : nodes) {
      if (!schema.node_types[t].contains(node)) continue;
      if (std::find(seeds.begin(), seeds.end(), node) != seeds.end()) rows.push_back(row);
      ++row;
    }
    return at::tensor(rows, at::kLong);
  };
  const auto input = model.encoder.input()(hops[0].sources).by_type;
  const auto first = model.encoder.conv(0)(blocks[0], input);
  const auto second = model.encoder.conv(1)(blocks[1], first);
  const auto parameter = [&](const std::string& name) {
    for (const NamedParameter& one : model.parameters.list()) {
      if (one.name == name) return one.tensor;
    }
    ADD_FAILURE() << name;
    return at::Tensor();
  };
  std::vector<at::Tensor> expected;
  int moved = 0;
  for (std::size_t t = 0; t < schema.node_types.size(); ++t) {
    const at::Tensor of_input = rows_of_seeds(hops[0].sources, t);
    const at::Tensor of_first = rows_of_seeds(hops[1].sources, t);
    ASSERT_EQ(of_first.size(0), second[t].size(0));
    moved += !of_input.equal(at::arange(of_input.size(0))) &&
             !of_first.equal(at::arange(of_first.size(0)));
    const at::Tensor read = at::cat(
        {input[t].index_select(0, of_input), first[t].index_select(0, of_first), second[t]}, 1);
    const std::string name = "out_dict." + schema.node_types[t].name;
    expected.push_back(at::mm(read, parameter(name + ".weight").t()) + parameter(name + ".bias"));
  }
  EXPECT_GE(moved, 2) << "seeds that come first show nothing";
  EXPECT_TRUE(close(model.encoder(blocks, input), at::cat(expected), 40));
}

// The table gets no gradient; the rows that were looked up do.
TEST(HgtEncoder, LearnedEmbeddingsAreDifferentiatedByRows) {
  const Model model(small_options(NodeFeatures::learned, 0));
  const std::vector<std::int32_t> nodes{2, 13, 14, 38};
  const InputFeatures input = model.encoder.input()(nodes);
  EXPECT_EQ(input.by_type[2].size(0), 0);
  const at::Tensor table = model.encoder.input().node_embeddings().tensor;
  EXPECT_TRUE(at::equal(input.by_type[1], table.narrow(0, 13, 2)));
  model.encoder.output({input.by_type}).sum().backward();
  EXPECT_FALSE(table.requires_grad());
  EXPECT_EQ(input.learned_rows.grad().sizes(), at::IntArrayRef({4, 8}));
  EXPECT_TRUE(input.learned_rows.grad().ne(0).any(1).all().item<bool>());
}

// With one feature for all, nodes of a type that see the same are the same: the planted collapse.
TEST(HgtEncoder, OnesGiveNodesOfATypeOneEmbeddingWhereEdgesDoNotTellThemApart) {
  const Model model(small_options(NodeFeatures::ones, 0));
  const at::Tensor embeddings = model.embed_in_one_block();
  for (const kg::NodeType& type : model.encoder.schema().node_types) {
    const at::Tensor rows = embeddings.narrow(0, type.first, type.count);
    EXPECT_TRUE(close(rows, rows.narrow(0, 0, 1).expand_as(rows), 4)) << type.name;
  }
  const Model learned(small_options(NodeFeatures::learned, 0));
  EXPECT_FALSE(at::equal(learned.embed_in_one_block()[0], learned.embed_in_one_block()[1]));
}

// What a table holds for nodes of an inductive type is never read, in training or inference, and
// messages tell of them as in a graph where these rows are 0.
TEST(HgtEncoder, InductiveTypesHaveNoFeaturesOfTheirOwn) {
  for (const NodeFeatures kind : {NodeFeatures::learned, NodeFeatures::given}) {
    HgtEncoderOptions options = small_options(kind);
    options.jumping_knowledge = true;
    options.input.inductive = {false, true};
    Model model(options);
    const std::vector<kg::NodeType>& types = model.encoder.schema().node_types;
    const InputFeatures features = model.encoder.input()(all_numbers());
    const std::vector<at::Tensor> all = model.encoder.input().all_nodes();
    for (std::size_t t = 0; t < types.size(); ++t) {
      EXPECT_TRUE(features.by_type[t].equal(all[t])) << t;
      EXPECT_EQ(all[t].sizes(), at::IntArrayRef({types[t].count, options.hidden_dim}));
      EXPECT_EQ(all[t].count_nonzero().item<std::int64_t>() == 0, t == 1) << t;
    }
    const at::Tensor embeddings = model.embed_in_one_block();
    EXPECT_LT(
        (embed_all_nodes(model.encoder, small_graph(), 5) - embeddings).abs().max().item<double>(),
        1e-12);
    if (kind != NodeFeatures::learned) continue;

    const BlockTensors block =
        make_block_tensors(whole_block(small_graph()), model.encoder.schema(), at::kCPU);
    model.encoder({block, block}, features.by_type).square().sum().backward();
    const at::Tensor gradient = features.learned_rows.grad();
    for (std::size_t t = 0; t < types.size(); ++t) {
      const at::Tensor of_type = gradient.narrow(0, types[t].first, types[t].count);
      EXPECT_EQ(of_type.count_nonzero().item<std::int64_t>() == 0, t == 1) << t;
    }
    const at::Tensor table = model.encoder.input().node_embeddings().tensor;
    table.narrow(0, types[1].first, types[1].count).fill_(7.0);
    EXPECT_TRUE(model.embed_in_one_block().equal(embeddings));
    table.narrow(0, types[0].first, types[0].count).fill_(7.0);
    EXPECT_FALSE(model.embed_in_one_block().equal(embeddings));

    HgtEncoderOptions plain = options;
    plain.input.inductive.clear();
    const Model same(plain);
    same.encoder.input().node_embeddings().tensor.copy_(table);
    same.encoder.input().node_embeddings().tensor.narrow(0, types[1].first, types[1].count).zero_();
    EXPECT_TRUE(same.embed_in_one_block().equal(model.embed_in_one_block()));
  }
}

TEST(HgtEncoder, DropoutIsAFunctionOfSeedStepAndLayer) {
  const auto keys = [](std::uint64_t seed, std::uint64_t step) {
    const auto streams = layer_dropout(0.2, seed, step, 2, at::kCPU);
    return std::vector<std::int64_t>{streams[0].key.item<std::int64_t>(),
                                     streams[1].key.item<std::int64_t>()};
  };
  EXPECT_EQ(keys(1, 2), keys(1, 2));
  EXPECT_NE(keys(1, 2), keys(1, 3));
  EXPECT_NE(keys(1, 2), keys(2, 2));
  EXPECT_NE(keys(1, 2)[0], keys(1, 2)[1]);
  EXPECT_TRUE(layer_dropout(0.0, 1, 2, 2, at::kCPU).empty());
}

TEST(HgtEncoder, RefusesWhatDoesNotFit) {
  Model model(small_options(NodeFeatures::given));
  EXPECT_THROW(model.encoder({}, model.encoder.input().all_nodes()), InternalError);
  EXPECT_THROW(model.encoder.input().set_given({at::zeros({12, 4})}), InternalError);
  EXPECT_THROW(embed_all_nodes(model.encoder, small_graph(), 0), InternalError);
  Parameters parameters(3, at::kFloat, at::kCPU);
  const HgtEncoder unset(parameters, "", schema_of(small_graph()),
                         small_options(NodeFeatures::given));
  EXPECT_THROW(unset.input().all_nodes(), InternalError);
}

}  // namespace
}  // namespace hgnn_moe::hgt
