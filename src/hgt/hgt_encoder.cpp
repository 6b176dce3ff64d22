#include "hgnn_moe/hgt/hgt_encoder.h"

#include <utility>

#include <ATen/ATen.h>

#include "hgnn_moe/base/error.h"
#include "hgnn_moe/base/philox.h"

namespace hgnn_moe::hgt {

HgtEncoder::HgtEncoder(Parameters& parameters, const std::string& prefix, const Schema& schema,
                       const HgtEncoderOptions& options)
    : schema_(schema),
      options_(options),
      input_(parameters, prefix, schema, options.hidden_dim, options.input) {
  const std::vector<std::int64_t> widths(schema.node_types.size(), options.hidden_dim);
  for (std::int64_t l = 0; l < options.num_layers; ++l) {
    convs_.emplace_back(
        parameters, prefix + "convs." + std::to_string(l) + ".", schema,
        HgtConvOptions{widths, options.hidden_dim, options.num_heads, options.layer_norm});
  }
  const std::int64_t read = options.jumping_knowledge ? options.num_layers + 1 : 1;
  for (const kg::NodeType& type : schema.node_types) {
    out_.push_back(Linear::create(parameters, prefix + "out_dict." + type.name,
                                  read * options.hidden_dim, options.embedding_dim));
  }
}

std::vector<at::Tensor> HgtEncoder::layer(std::size_t l, const BlockTensors& block,
                                          const std::vector<at::Tensor>& features_SF,
                                          const ops::DropoutStream& dropout) const {
  return convs_.at(l)(block, features_SF, dropout);
}

at::Tensor HgtEncoder::output(const LayerFeatures& features) const {
  HGNN_MOE_ASSERT(!features.empty() && features.back().size() == out_.size(),
                  "features of {} layers for {} types", features.size(), out_.size());
  std::vector<at::Tensor> embeddings;
  for (std::size_t t = 0; t < out_.size(); ++t) {
    std::vector<at::Tensor> of_type;
    for (const std::vector<at::Tensor>& of_layer : features) of_type.push_back(of_layer[t]);
    embeddings.push_back(output(t, of_type));
  }
  return at::cat(embeddings);
}

at::Tensor HgtEncoder::output(std::size_t type, const std::vector<at::Tensor>& features) const {
  if (!options_.jumping_knowledge) return out_.at(type)(features.back());
  HGNN_MOE_ASSERT(features.size() == num_layers() + 1,
                  "features of {} layers and the input, not of {}", num_layers(), features.size());
  return out_.at(type)(at::cat(features, 1));
}

at::Tensor HgtEncoder::operator()(const std::vector<BlockTensors>& blocks,
                                  const std::vector<at::Tensor>& input_features,
                                  const std::vector<ops::DropoutStream>& dropout) const {
  HGNN_MOE_ASSERT(blocks.size() == convs_.size(), "{} blocks for {} layers", blocks.size(),
                  convs_.size());
  HGNN_MOE_ASSERT(dropout.empty() || dropout.size() == convs_.size(),
                  "{} streams of dropout for {} layers", dropout.size(), convs_.size());
  LayerFeatures features = {input_features};
  for (std::size_t l = 0; l < blocks.size(); ++l) {
    std::vector<at::Tensor> next =
        layer(l, blocks[l], features.back(), dropout.empty() ? ops::DropoutStream{} : dropout[l]);
    if (!options_.jumping_knowledge) features.clear();
    for (std::vector<at::Tensor>& of_layer : features) {
      for (std::size_t t = 0; t < of_layer.size(); ++t) {
        of_layer[t] = of_layer[t].index_select(0, blocks[l].types[t].destinations);
      }
    }
    features.push_back(std::move(next));
  }
  return output(features);
}

std::vector<ops::DropoutStream> layer_dropout(double rate, std::uint64_t seed, std::uint64_t step,
                                              std::int64_t num_layers, at::Device device) {
  if (rate == 0) return {};
  std::vector<std::uint64_t> keys;
  for (std::int64_t l = 0; l < num_layers; ++l) {
    keys.push_back(
        philox_stream_key(seed, RandomPurpose::dropout, step, static_cast<std::uint32_t>(l)));
  }
  const at::Tensor keys_L = ops::dropout_keys(keys).to(device);
  std::vector<ops::DropoutStream> streams;
  for (std::int64_t l = 0; l < num_layers; ++l) streams.push_back({rate, keys_L[l]});
  return streams;
}

}  // namespace hgnn_moe::hgt
