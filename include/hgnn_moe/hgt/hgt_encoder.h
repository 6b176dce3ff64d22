// The encoder: from the nodes of a graph to their embeddings.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "hgnn_moe/hgt/block_tensors.h"
#include "hgnn_moe/hgt/hgt_conv.h"
#include "hgnn_moe/hgt/input_layer.h"
#include "hgnn_moe/hgt/parameters.h"
#include "hgnn_moe/hgt/schema.h"
#include "hgnn_moe/ops/counter_dropout.h"

namespace hgnn_moe::hgt {

// Features [n, hidden_dim] by layer and type.
using LayerFeatures = std::vector<std::vector<at::Tensor>>;

struct HgtEncoderOptions {
  std::int64_t hidden_dim = 256;  // of the input layer and of every HgtConv
  std::int64_t embedding_dim = 512;
  std::int64_t num_layers = 2;  // 0: no messages are passed
  std::int64_t num_heads = 8;
  bool layer_norm = false;
  // The output layer reads what every layer gave and the input layer, too, side by side (Xu et al.,
  // ICML 2018, arXiv 1806.03536), not the last layer alone.
  bool jumping_knowledge = false;
  InputOptions input;
};

// An input layer, `num_layers` layers of HgtConv, and a linear layer of each type to
// embedding_dim. Parameters are, behind `prefix`, those of InputLayer, convs.L.* of HgtConv, and
// out_dict.TYPE.{weight,bias}.
class HgtEncoder {
 public:
  HgtEncoder(Parameters& parameters, const std::string& prefix, const Schema& schema,
             const HgtEncoderOptions& options);

  const Schema& schema() const { return schema_; }
  const HgtEncoderOptions& options() const { return options_; }
  std::size_t num_layers() const { return convs_.size(); }
  InputLayer& input() { return input_; }
  const InputLayer& input() const { return input_; }

  // Layer `l` on features of the block's sources, by type.
  std::vector<at::Tensor> layer(std::size_t l, const BlockTensors& block,
                                const std::vector<at::Tensor>& features_SF,
                                const ops::DropoutStream& dropout = {}) const;
  const HgtConv& conv(std::size_t l) const { return convs_.at(l); }
  // The last layer: [n, embedding_dim], the types one behind the other, as nodes are numbered. Of
  // the same nodes the input's features by type, and those of every layer; without
  // jumping_knowledge the last of them are enough.
  at::Tensor output(const LayerFeatures& features) const;
  // The same of one type alone: its features by layer.
  at::Tensor output(std::size_t type, const std::vector<at::Tensor>& features) const;

  // Embeddings of the last block's destinations. There is a block for each layer, whose
  // destinations are the next one's sources; `input_features` are of the first one's sources.
  // `dropout` has a stream for each layer, or is empty.
  at::Tensor operator()(const std::vector<BlockTensors>& blocks,
                        const std::vector<at::Tensor>& input_features,
                        const std::vector<ops::DropoutStream>& dropout = {}) const;

 private:
  Schema schema_;
  HgtEncoderOptions options_;
  InputLayer input_;
  std::vector<HgtConv> convs_;
  std::vector<Linear> out_;  // of each type
};

// Dropout of the layers in one step: its masks are a function of the seed, the step, the layer and
// the node's number in the graph. None with rate 0.
std::vector<ops::DropoutStream> layer_dropout(double rate, std::uint64_t seed, std::uint64_t step,
                                              std::int64_t num_layers, at::Device device);

}  // namespace hgnn_moe::hgt
