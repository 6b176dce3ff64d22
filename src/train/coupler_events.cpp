#include "coupler_events.h"

#include <ATen/ATen.h>

#include "hgnn_moe/base/error.h"

namespace hgnn_moe {

namespace {

std::vector<double> to_vector(const at::Tensor& values) {
  const at::Tensor contiguous = values.contiguous();
  const double* begin = contiguous.const_data_ptr<double>();
  return {begin, begin + contiguous.numel()};
}

MetricMatrix to_matrix(const at::Tensor& values_EE) {
  MetricMatrix rows;
  for (std::int64_t i = 0; i < values_EE.size(0); ++i) rows.push_back(to_vector(values_EE[i]));
  return rows;
}

}  // namespace

std::vector<CouplerEvent> coupler_events(const LanguageModel& model, std::int64_t step,
                                         const std::vector<LayerGraph>& mean_graphs) {
  std::vector<CouplerEvent> events;
  for (std::size_t l = 0; l < model.layers().size(); ++l) {
    const Coupler* coupler = model.layers()[l].coupler();
    if (coupler == nullptr) return events;
    const CouplerState state = coupler->state();
    CouplerEvent event;
    event.step = step;
    event.layer = static_cast<std::int64_t>(l);
    if (state.mixing_EE.defined()) {
      event.hyperedge_weights = to_vector(state.hyperedge_weights_M);
      event.mixing = to_matrix(state.mixing_EE);
      events.push_back(event);
    } else if (model.config().has_token_weights()) {
      HGNN_MOE_ASSERT(mean_graphs.size() > l, "no mean graph of layer {}", l);
      event.hyperedge_weights = to_vector(mean_graphs[l].hyperedge_weights_M);
      event.mixing = to_matrix(mean_graphs[l].mixing_EE.at(0));
      events.push_back(event);
    }
    for (std::size_t g = 0; g < state.adjacency_EE.size(); ++g) {
      HGNN_MOE_ASSERT(mean_graphs.size() > l && mean_graphs[l].mixing_EE.size() > g,
                      "no mean mixing of layer {}, coupler layer {}", l, g);
      event.coupler_layer = static_cast<std::int64_t>(g);
      event.adjacency = to_matrix(state.adjacency_EE[g]);
      event.mixing = to_matrix(mean_graphs[l].mixing_EE[g]);
      events.push_back(event);
    }
  }
  return events;
}

}  // namespace hgnn_moe
