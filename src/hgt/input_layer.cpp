#include "hgnn_moe/hgt/input_layer.h"

#include <algorithm>
#include <utility>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "index_tensor.h"

#include "hgnn_moe/base/error.h"

namespace hgnn_moe::hgt {

InputLayer::InputLayer(Parameters& parameters, const std::string& prefix, const Schema& schema,
                       std::int64_t features, const InputOptions& options)
    : schema_(schema),
      kind_(options.kind),
      features_(features),
      is_inductive_(options.inductive),
      dims_(kind_ == NodeFeatures::given ? options.given_dims
                                         : std::vector<std::int64_t>(schema.node_types.size(), 1)),
      type_(parameters.type()),
      device_(parameters.device()) {
  is_inductive_.resize(schema.node_types.size(), false);
  if (kind_ == NodeFeatures::learned) {
    const std::string name = prefix + "node_emb.weight";
    node_embeddings_ = {
        name, parameters.draw_normal(name, {schema.num_nodes(), features}, options.deviation)};
    return;
  }
  HGNN_MOE_ASSERT(static_cast<std::int64_t>(dims_.size()) == schema.num_types(),
                  "widths of {} types, the graph has {}", dims_.size(), schema.num_types());
  for (std::size_t t = 0; t < dims_.size(); ++t) {
    layers_.push_back(Linear::create(parameters, prefix + "lin_dict." + schema.node_types[t].name,
                                     dims_[t], features));
  }
}

void InputLayer::set_given(std::vector<at::Tensor> features_by_type) {
  HGNN_MOE_ASSERT(kind_ == NodeFeatures::given && features_by_type.size() == dims_.size(),
                  "features of {} types for {}", features_by_type.size(), dims_.size());
  for (std::size_t t = 0; t < dims_.size(); ++t) {
    at::Tensor& features = features_by_type[t];
    HGNN_MOE_ASSERT(features.dim() == 2 && features.size(0) == schema_.node_types[t].count &&
                        features.size(1) == dims_[t],
                    "features of type {} are not [{}, {}]", schema_.node_types[t].name,
                    schema_.node_types[t].count, dims_[t]);
    features = features.to(device_, type_);
  }
  given_ = std::move(features_by_type);
}

// Of rows of the type, int64.
at::Tensor InputLayer::of_type(std::size_t type, const at::Tensor& rows) const {
  HGNN_MOE_ASSERT(kind_ == NodeFeatures::ones || given_.size() == dims_.size(),
                  "features of {} types were set", given_.size());
  const at::Tensor features =
      kind_ == NodeFeatures::given
          ? given_[type].index_select(0, rows)
          : at::ones({rows.size(0), 1}, at::TensorOptions(device_).dtype(type_));
  return at::relu(layers_[type](features));
}

at::Tensor InputLayer::no_features(std::int64_t nodes) const {
  return at::zeros({nodes, features_}, at::TensorOptions(device_).dtype(type_));
}

InputFeatures InputLayer::operator()(const std::vector<std::int32_t>& nodes) const {
  const at::Tensor numbers = index_tensor(nodes, device_);
  InputFeatures result;
  if (kind_ == NodeFeatures::learned) {
    const c10::NoGradGuard no_grad;
    result.learned_rows = node_embeddings_.tensor.index_select(0, numbers);
  }
  std::vector<std::int64_t> counts;
  for (std::size_t t = 0; t < schema_.node_types.size(); ++t) {
    const kg::NodeType& type = schema_.node_types[t];
    const auto begin = std::lower_bound(nodes.begin(), nodes.end(), type.first);
    const auto end = std::lower_bound(begin, nodes.end(), type.first + type.count);
    counts.push_back(end - begin);
    if (kind_ == NodeFeatures::learned) continue;
    const std::int64_t first = begin - nodes.begin();
    result.by_type.push_back(
        is_inductive_[t] ? no_features(counts.back())
                         : of_type(t, numbers.narrow(0, first, counts.back()) - type.first));
  }
  if (kind_ != NodeFeatures::learned) return result;
  result.learned_rows.set_requires_grad(true);
  // One operation, whose backward pass joins the types' gradients; of a view for each type it
  // would add up as many tensors of all rows.
  result.by_type = result.learned_rows.split_with_sizes(counts);
  for (std::size_t t = 0; t < counts.size(); ++t) {
    if (is_inductive_[t]) result.by_type[t] = no_features(counts[t]);
  }
  return result;
}

std::vector<at::Tensor> InputLayer::all_nodes() const {
  std::vector<at::Tensor> by_type;
  for (std::size_t t = 0; t < schema_.node_types.size(); ++t) {
    const kg::NodeType& type = schema_.node_types[t];
    if (is_inductive_[t]) {
      by_type.push_back(no_features(type.count));
    } else if (kind_ == NodeFeatures::learned) {
      by_type.push_back(node_embeddings_.tensor.narrow(0, type.first, type.count));
    } else {
      by_type.push_back(
          of_type(t, at::arange(type.count, at::TensorOptions(device_).dtype(at::kLong))));
    }
  }
  return by_type;
}

}  // namespace hgnn_moe::hgt
