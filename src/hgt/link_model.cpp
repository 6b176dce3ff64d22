#include "hgnn_moe/hgt/link_model.h"

#include <ATen/ATen.h>

#include "index_tensor.h"

#include "hgnn_moe/base/error.h"
#include "hgnn_moe/hgt/block_tensors.h"
#include "hgnn_moe/hgt/graph_data.h"
#include "hgnn_moe/hgt/link_losses.h"
#include "hgnn_moe/hgt/tiled_inference.h"

namespace hgnn_moe::hgt {

namespace {

NodeFeatures kind_of(HgtFeatures features) {
  switch (features) {
    case HgtFeatures::learned:
    case HgtFeatures::random:
      return NodeFeatures::learned;
    case HgtFeatures::ones:
      return NodeFeatures::ones;
    case HgtFeatures::given:
      break;
  }
  return NodeFeatures::given;
}

HgtEncoderOptions encoder_options(const HgtConfig& config, const kg::Graph& graph,
                                  const at::Tensor& features_NF) {
  HgtEncoderOptions options;
  options.hidden_dim = config.hidden_dim;
  options.embedding_dim = config.embedding_dim;
  options.num_layers = config.messages == HgtMessages::none ? 0 : config.num_layers;
  options.num_heads = config.num_heads;
  options.layer_norm = config.layer_norm;
  options.jumping_knowledge = config.jumping_knowledge;
  options.input.kind = kind_of(config.node_features);
  if (config.node_features == HgtFeatures::learned) options.input.deviation = config.embedding_init;
  if (features_NF.defined())
    options.input.given_dims.assign(graph.node_types.size(), features_NF.size(1));
  options.input.inductive = inductive_types(config, graph);
  return options;
}

// Of kg::known_candidates, row by row.
CandidateMarks candidate_marks(const std::vector<std::uint8_t>& known, std::size_t targets,
                               HgtKnown use, at::Device device) {
  const at::Tensor known_BC =
      at::tensor(known, at::kByte).reshape({static_cast<std::int64_t>(targets), -1}).to(device);
  if (use == HgtKnown::left_out)
    return {known_BC != kg::unknown, at::zeros_like(known_BC, at::kBool)};
  return {known_BC == kg::own_end, known_BC == kg::also_true};
}

at::Tensor mask(const std::vector<std::uint8_t>& marks, std::size_t rows, at::Device device) {
  const auto count = static_cast<std::int64_t>(rows);
  return at::tensor(marks, at::kByte).to(at::kBool).reshape({count, -1}).to(device);
}

}  // namespace

at::Tensor LinkLosses::total(double contrastive_weight) const {
  return contrast.defined() ? link + contrastive_weight * contrast : link;
}

LinkModel::LinkModel(const HgtConfig& config, const kg::Graph& graph, at::Device device,
                     const at::Tensor& features_NF)
    : config_(config),
      device_(device),
      parameters_(static_cast<std::uint64_t>(config.seed), at::kFloat, device),
      encoder_(parameters_, "encoder.", schema_of(graph),
               encoder_options(config, graph, features_NF)),
      decoder_(parameters_, "decoder.", {config.decoder, config.margin},
               static_cast<std::int64_t>(graph.relations.size()), config.embedding_dim) {
  HGNN_MOE_ASSERT(features_NF.defined() == (config.node_features == HgtFeatures::given),
                  "features are {}given", features_NF.defined() ? "" : "not ");
  if (!features_NF.defined()) return;
  std::vector<at::Tensor> by_type;
  for (const kg::NodeType& type : graph.node_types) {
    by_type.push_back(features_NF.narrow(0, type.first, type.count));
  }
  encoder_.input().set_given(by_type);
}

ParameterList LinkModel::learned_table() const {
  if (config_.node_features != HgtFeatures::learned) return {};
  return {encoder_.input().node_embeddings()};
}

ParameterList LinkModel::all_parameters() const {
  ParameterList all;
  if (encoder_.input().kind() == NodeFeatures::learned) {
    all.push_back(encoder_.input().node_embeddings());
  }
  all.insert(all.end(), dense_parameters().begin(), dense_parameters().end());
  return all;
}

std::int64_t LinkModel::parameter_count() const {
  std::int64_t count = 0;
  for (const NamedParameter& parameter : dense_parameters()) count += parameter.tensor.numel();
  for (const NamedParameter& parameter : learned_table()) count += parameter.tensor.numel();
  return count;
}

// Embeddings of batch.nodes.
at::Tensor LinkModel::encode(const kg::LinkBatch& batch, LinkForward& forward) const {
  forward.input_nodes = batch.blocks.empty() ? batch.nodes : batch.blocks.front().sources;
  const InputFeatures input = encoder_.input()(forward.input_nodes);
  forward.learned_rows = input.learned_rows;
  std::vector<BlockTensors> blocks;
  for (const kg::Block& block : batch.blocks) {
    blocks.push_back(make_block_tensors(block, encoder_.schema(), device_));
  }
  const auto seed = static_cast<std::uint64_t>(config_.seed);
  const auto step = static_cast<std::uint64_t>(batch.step);
  const auto layers = static_cast<std::int64_t>(blocks.size());
  const at::Tensor embeddings_NF = encoder_(
      blocks, input.by_type, layer_dropout(config_.dropout_rate, seed, step, layers, device_));
  if (config_.embedding_dropout == 0) return embeddings_NF;
  // A stream of its own behind those of the layers. A node has one mask, in whatever triples it is.
  const ops::DropoutStream stream =
      layer_dropout(config_.embedding_dropout, seed, step, config_.num_layers + 1, device_).back();
  return ops::counter_dropout(embeddings_NF.unsqueeze(1), stream,
                              index_tensor(batch.nodes, device_))
      .squeeze(1);
}

at::Tensor LinkModel::loss_of_group(const kg::LinkBatch& batch, const kg::CandidateGroup& group,
                                    const at::Tensor& embeddings_NF) const {
  std::vector<std::int32_t> heads, tails, relations;
  for (const std::int32_t i : group.targets) {
    heads.push_back(batch.heads[i]);
    tails.push_back(batch.tails[i]);
    relations.push_back(batch.targets[i].triple.relation);
  }
  const at::Tensor heads_BF = rows_of(embeddings_NF, heads);
  const at::Tensor tails_BF = rows_of(embeddings_NF, tails);
  const at::Tensor candidates_CF = rows_of(embeddings_NF, group.candidates);
  const at::Tensor relations_B = index_tensor(relations, device_);
  const at::Tensor scores_BC = group.side == kg::Side::tail
                                   ? decoder_.score_tails(heads_BF, relations_B, candidates_CF)
                                   : decoder_.score_heads(tails_BF, relations_B, candidates_CF);
  return link_loss(
      config_.loss, decoder_.score(heads_BF, relations_B, tails_BF), scores_BC,
      candidate_marks(group.known, group.targets.size(), config_.known_candidates, device_));
}

at::Tensor LinkModel::loss_of_contrast(const kg::ContrastSet& set,
                                       const at::Tensor& embeddings_NF) const {
  return contrast_loss(rows_of(embeddings_NF, set.candidates), index_tensor(set.anchors, device_),
                       index_tensor(set.partners, device_),
                       mask(set.related, set.anchors.size(), device_),
                       config_.contrast_temperature);
}

LinkForward LinkModel::forward(const kg::LinkBatch& batch) const {
  LinkForward forward;
  const at::Tensor embeddings_NF = encode(batch, forward);
  at::Tensor link = at::zeros({}, embeddings_NF.options());
  for (const kg::CandidateGroup& group : batch.groups) {
    link = link + loss_of_group(batch, group, embeddings_NF);
  }
  forward.losses.link = link / static_cast<double>(2 * batch.step_targets);
  if (batch.contrast.has_value() && !batch.contrast->anchors.empty()) {
    forward.losses.contrast =
        loss_of_contrast(*batch.contrast, embeddings_NF) / static_cast<double>(batch.step_anchors);
  }
  return forward;
}

at::Tensor LinkModel::embed(const kg::Graph& graph) const {
  return embed_all_nodes(encoder_, graph, config_.node_batch_size);
}

}  // namespace hgnn_moe::hgt
