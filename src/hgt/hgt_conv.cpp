#include "hgnn_moe/hgt/hgt_conv.h"

#include <cmath>
#include <utility>

#include <ATen/ATen.h>

#include "hgnn_moe/base/error.h"
#include "hgnn_moe/ops/hgt_attention.h"
#include "hgnn_moe/ops/norm_epsilon.h"

namespace hgnn_moe::hgt {

namespace {

// Rows of x; itself where these are all of them.
at::Tensor rows_of(const at::Tensor& x, const at::Tensor& rows) {
  return rows.size(0) == x.size(0) ? x : x.index_select(0, rows);
}

// torch_geometric's [H R, d, d] as [R, H, d, d].
at::Tensor by_relation(const at::Tensor& weight, std::int64_t heads) {
  return weight.unflatten(0, {heads, -1}).transpose(0, 1);
}

}  // namespace

HgtConv::HgtConv(Parameters& parameters, const std::string& prefix, const Schema& schema,
                 const HgtConvOptions& options)
    : options_(options) {
  const std::int64_t features = options.out_dim, heads = options.num_heads;
  HGNN_MOE_ASSERT(heads > 0 && features % heads == 0, "{} features under {} heads", features,
                  heads);
  HGNN_MOE_ASSERT(static_cast<std::int64_t>(options.in_dims.size()) == schema.num_types(),
                  "widths of {} types, the graph has {}", options.in_dims.size(),
                  schema.num_types());
  const std::int64_t dim = features / heads;
  for (std::size_t t = 0; t < schema.node_types.size(); ++t) {
    kqv_lin_.push_back(Linear::create(parameters,
                                      prefix + "kqv_lin.lins." + schema.node_types[t].name,
                                      options.in_dims[t], 3 * features));
  }
  for (const kg::NodeType& type : schema.node_types) {
    out_lin_.push_back(
        Linear::create(parameters, prefix + "out_lin.lins." + type.name, features, features));
  }
  const std::vector<std::int64_t> matrices{heads * schema.num_relations(), dim, dim};
  const double bound = 1 / std::sqrt(static_cast<double>(dim));
  k_rel_ = parameters.add_uniform(prefix + "k_rel.weight", matrices, bound);
  v_rel_ = parameters.add_uniform(prefix + "v_rel.weight", matrices, bound);
  for (const kg::NodeType& type : schema.node_types) {
    skip_.push_back(parameters.add_constant(prefix + "skip." + type.name, {1}, 1.0));
  }
  for (const std::string& relation : schema.relations) {
    p_rel_.push_back(parameters.add_constant(prefix + "p_rel." + relation, {1, heads}, 1.0));
  }
  if (!options.layer_norm) return;
  for (const kg::NodeType& type : schema.node_types) {
    const std::string name = prefix + "norms." + type.name;
    norms_.push_back({parameters.add_constant(name + ".weight", {features}, 1.0),
                      parameters.add_constant(name + ".bias", {features}, 0.0)});
  }
}

HgtKeysValues HgtConv::keys_values(std::size_t type, const at::Tensor& features_SF) const {
  const std::int64_t features = options_.out_dim;
  return {kqv_lin_[type].part(features_SF, 0, features),
          kqv_lin_[type].part(features_SF, 2 * features, features)};
}

// Of the block's heads.
HgtKeysValues HgtConv::keys_values_of(const BlockTensors& block,
                                      const std::vector<at::Tensor>& features_SF) const {
  std::vector<at::Tensor> keys, values;
  for (std::size_t t = 0; t < block.types.size(); ++t) {
    if (block.types[t].heads.size(0) == 0) continue;
    const HgtKeysValues of_type = keys_values(t, rows_of(features_SF[t], block.types[t].heads));
    keys.push_back(of_type.k_SF);
    values.push_back(of_type.v_SF);
  }
  // Parts are freed before the next join, so that they are in memory twice one at a time.
  const auto joined = [](std::vector<at::Tensor>& parts) {
    return at::cat(std::exchange(parts, {}));
  };
  at::Tensor k_SF = joined(keys);
  return {std::move(k_SF), joined(values)};
}

// Of the block's tails, [tails, F]; tails_TF are their features, by type.
at::Tensor HgtConv::attend(const BlockTensors& block, const HgtKeysValues& heads,
                           const std::vector<at::Tensor>& tails_TF) const {
  const std::int64_t features = options_.out_dim;
  std::vector<at::Tensor> queries;
  for (std::size_t t = 0; t < block.types.size(); ++t) {
    if (block.types[t].tails.size(0) == 0) continue;
    queries.push_back(kqv_lin_[t].part(tails_TF[t], features, features));
  }
  const ops::HgtWeights weights{by_relation(k_rel_, options_.num_heads),
                                by_relation(v_rel_, options_.num_heads), at::cat(p_rel_)};
  return ops::hgt_attention(heads.k_SF, at::cat(queries), heads.v_SF, weights, block.edges);
}

// Of the type's destinations; `attended` [tails of the type, F].
at::Tensor HgtConv::update(std::size_t type, const TypeNodes& nodes, const at::Tensor& attended,
                           const at::Tensor& features_NF, const ops::DropoutStream& dropout) const {
  const at::Tensor reached = out_lin_[type](at::gelu(attended));
  at::Tensor out_NF = reached;
  if (reached.size(0) < nodes.num_destinations) {
    out_NF = out_lin_[type]
                 .bias.expand({nodes.num_destinations, options_.out_dim})
                 .index_copy(0, nodes.tail_destinations, reached);
  }
  if (dropout.rate > 0) {
    out_NF = ops::counter_dropout(out_NF.unsqueeze(1), dropout, nodes.destination_nodes).squeeze(1);
  }
  if (options_.in_dims[type] == options_.out_dim) {
    const at::Tensor share = at::sigmoid(skip_[type]);
    out_NF = share * out_NF + (1 - share) * features_NF;
  }
  if (!options_.layer_norm) return out_NF;
  const Norm& norm = norms_[type];
  return at::layer_norm(out_NF, norm.weight.sizes(), norm.weight, norm.bias, ops::kNormEpsilon);
}

template <typename FeaturesOf>
std::vector<at::Tensor> HgtConv::update_all(const BlockTensors& block, const at::Tensor& attended,
                                            FeaturesOf features_of,
                                            const ops::DropoutStream& dropout) const {
  std::vector<at::Tensor> out_NF;
  std::int64_t first = 0;  // of the type among all tails
  for (std::size_t t = 0; t < block.types.size(); ++t) {
    const TypeNodes& nodes = block.types[t];
    const std::int64_t tails = nodes.tails.size(0);
    const at::Tensor features_NF = features_of(t);
    const at::Tensor of_type = attended.defined() ? attended.narrow(0, first, tails)
                                                  : features_NF.new_empty({0, options_.out_dim});
    out_NF.push_back(update(t, nodes, of_type, features_NF, dropout));
    first += tails;
  }
  return out_NF;
}

std::vector<at::Tensor> HgtConv::operator()(const BlockTensors& block,
                                            const std::vector<at::Tensor>& features_SF,
                                            const ops::DropoutStream& dropout) const {
  HGNN_MOE_ASSERT(
      features_SF.size() == block.types.size() && block.types.size() == options_.in_dims.size(),
      "features of {} types and a block of {} for a layer of {}", features_SF.size(),
      block.types.size(), options_.in_dims.size());
  for (std::size_t t = 0; t < block.types.size(); ++t) {
    HGNN_MOE_ASSERT(
        features_SF[t].dim() == 2 && features_SF[t].size(0) == block.types[t].num_sources &&
            features_SF[t].size(1) == options_.in_dims[t],
        "features of type {} are not [{}, {}]", t, block.types[t].num_sources, options_.in_dims[t]);
  }
  at::Tensor attended;
  if (!block.edges.relations.empty()) {
    std::vector<at::Tensor> tails_TF;
    for (std::size_t t = 0; t < block.types.size(); ++t) {
      tails_TF.push_back(rows_of(features_SF[t], block.types[t].tails));
    }
    attended = attend(block, keys_values_of(block, features_SF), tails_TF);
  }
  return update_all(
      block, attended,
      [&](std::size_t t) { return rows_of(features_SF[t], block.types[t].destinations); }, dropout);
}

std::vector<at::Tensor> HgtConv::from_keys_values(
    const BlockTensors& block, const HgtKeysValues& heads,
    const std::vector<at::Tensor>& features_NF) const {
  HGNN_MOE_ASSERT(
      features_NF.size() == block.types.size() && heads.k_SF.size(0) == block.edges.num_sources,
      "features of {} types and keys of {} nodes for a block of {} and {}", features_NF.size(),
      heads.k_SF.size(0), block.types.size(), block.edges.num_sources);
  at::Tensor attended;
  if (!block.edges.relations.empty()) {
    std::vector<at::Tensor> tails_TF;
    for (std::size_t t = 0; t < block.types.size(); ++t) {
      tails_TF.push_back(rows_of(features_NF[t], block.types[t].tail_destinations));
    }
    attended = attend(block, heads, tails_TF);
  }
  return update_all(block, attended, [&](std::size_t t) { return features_NF[t]; }, {});
}

}  // namespace hgnn_moe::hgt
