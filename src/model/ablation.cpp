#include "hgnn_moe/model/ablation.h"

#include <algorithm>
#include <numeric>
#include <unordered_map>

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "hgnn_moe/base/error.h"

namespace hgnn_moe {

namespace {

using Indices = std::vector<std::int64_t>;

Indices all_of(std::int64_t count) {
  Indices indices(static_cast<std::size_t>(count));
  std::iota(indices.begin(), indices.end(), 0);
  return indices;
}

Indices without(Indices indices, std::int64_t gone) {
  indices.erase(std::remove(indices.begin(), indices.end(), gone), indices.end());
  return indices;
}

Ablation whole_model(const ModelConfig& config) {
  return {"", "", all_of(config.num_experts), all_of(config.hypergraph.num_hyperedges()),
          config.has_coupler_layers()};
}

Ablation without_coupler(const ModelConfig& config) {
  Ablation ablation = whole_model(config);
  ablation.name = "coupler";
  ablation.removed = "the layers of every coupler";
  ablation.hyperedges.clear();
  ablation.has_coupler_layers = false;
  return ablation;
}

Ablation without_expert(const ModelConfig& config, std::int64_t expert) {
  Ablation ablation = whole_model(config);
  ablation.name = fmt::format("expert-{}", expert);
  ablation.experts = without(ablation.experts, expert);
  Indices gone;
  for (const std::int64_t m : ablation.hyperedges) {
    const Indices& members = config.hypergraph.hyperedges[static_cast<std::size_t>(m)];
    const bool is_member = std::find(members.begin(), members.end(), expert) != members.end();
    if (is_member && members.size() < 3) gone.push_back(m);
  }
  for (const std::int64_t m : gone) ablation.hyperedges = without(ablation.hyperedges, m);
  ablation.removed = fmt::format("expert {} of every layer", expert);
  if (!gone.empty()) {
    ablation.removed += fmt::format(", and with it hyperedges {}", fmt::join(gone, ", "));
  }
  return ablation;
}

Ablation without_hyperedge(const ModelConfig& config, std::int64_t hyperedge) {
  const Indices& members = config.hypergraph.hyperedges[static_cast<std::size_t>(hyperedge)];
  Ablation ablation = whole_model(config);
  ablation.name = fmt::format("hyperedge-{}", hyperedge);
  ablation.removed = fmt::format("hyperedge {} of every layer, experts {{{}}}", hyperedge,
                                 fmt::join(members, ", "));
  ablation.hyperedges = without(ablation.hyperedges, hyperedge);
  return ablation;
}

// The name, in the whole model, of a parameter of what is left: experts count from 0 again there.
std::string original_name(const std::string& name, const Indices& experts) {
  const std::string mark = ".experts.";
  const std::size_t found = name.find(mark);
  if (found == std::string::npos) return name;
  const std::size_t begin = found + mark.size(), end = name.find('.', begin);
  const auto expert = static_cast<std::size_t>(std::stoll(name.substr(begin, end - begin)));
  return name.substr(0, begin) + std::to_string(experts.at(expert)) + name.substr(end);
}

bool ends_with(const std::string& text, const std::string& end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

// The rows, or rows and columns, of what is left, where a parameter has one for each.
at::Tensor remaining(const std::string& name, const at::Tensor& values, const Ablation& ablation) {
  const auto select = [&](const at::Tensor& x, std::int64_t dim, const Indices& indices) {
    return x.index_select(dim, at::tensor(indices, at::kLong).to(x.device()));
  };
  if (ends_with(name, ".adjacency_logits")) {
    return select(select(values, 0, ablation.experts), 1, ablation.experts);
  }
  if (ends_with(name, ".hyperedge_weights") || ends_with(name, ".hyperedge_weight_proj.weight")) {
    return select(values, 0, ablation.hyperedges);
  }
  return values;
}

}  // namespace

std::vector<Ablation> possible_ablations(const ModelConfig& config) {
  std::vector<Ablation> ablations;
  if (config.has_graph()) ablations.push_back(without_coupler(config));
  for (std::int64_t e = 0; config.num_experts > 1 && e < config.num_experts; ++e) {
    ablations.push_back(without_expert(config, e));
  }
  for (std::int64_t m = 0; m < config.hypergraph.num_hyperedges(); ++m) {
    ablations.push_back(without_hyperedge(config, m));
  }
  return ablations;
}

ModelConfig ablated_config(const ModelConfig& config, const Ablation& ablation) {
  ModelConfig left = config;
  left.num_experts = static_cast<std::int64_t>(ablation.experts.size());
  if (config.has_coupler_layers() && !ablation.has_coupler_layers) {
    left.coupler_type = CouplerType::mean;
  }
  std::unordered_map<std::int64_t, std::int64_t> new_number;
  for (const std::int64_t e : ablation.experts) {
    new_number.emplace(e, static_cast<std::int64_t>(new_number.size()));
  }
  left.hypergraph = {left.num_experts, {}};
  for (const std::int64_t m : ablation.hyperedges) {
    Indices members;
    for (const std::int64_t e : config.hypergraph.hyperedges[static_cast<std::size_t>(m)]) {
      if (new_number.count(e) > 0) members.push_back(new_number[e]);
    }
    left.hypergraph.hyperedges.push_back(members);
  }
  return left;
}

LanguageModel ablated_model(const LanguageModel& model, const Ablation& ablation) {
  const at::Tensor& first = model.parameters().front().tensor;
  LanguageModel left(ablated_config(model.config(), ablation), /*seed=*/0, first.scalar_type(),
                     first.device(), model.execution());
  std::unordered_map<std::string, at::Tensor> values;
  for (const NamedParameter& parameter : model.parameters()) {
    values.emplace(parameter.name, parameter.tensor);
  }
  const c10::NoGradGuard no_grad;
  for (const NamedParameter& parameter : left.parameters()) {
    const auto found = values.find(original_name(parameter.name, ablation.experts));
    HGNN_MOE_ASSERT(found != values.end(), "no parameter to make {} of", parameter.name);
    const at::Tensor source = remaining(parameter.name, found->second, ablation);
    HGNN_MOE_ASSERT(source.sizes() == parameter.tensor.sizes(), "{} of {} elements for {}",
                    source.numel(), parameter.tensor.numel(), parameter.name);
    parameter.tensor.copy_(source);
  }
  return left;
}

}  // namespace hgnn_moe
