#include "layer_events.h"

#include <algorithm>

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include "hgnn_moe/base/error.h"
#include "hgnn_moe/train/device_batch.h"
#include "hgnn_moe/train/layer_statistics.h"

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

// The first rows of kObservedTokens tokens at most, but one at least.
std::int64_t samples_to_observe(const data::SampleSet& set, const std::vector<std::int64_t>& rows) {
  std::int64_t count = 1, tokens = set.length(rows[0]);
  while (count < static_cast<std::int64_t>(rows.size())) {
    tokens += set.length(rows[count]);
    if (tokens > kObservedTokens) break;
    ++count;
  }
  return count;
}

void add_coupler_events(const CouplerTrace& trace, CouplerEvent event,
                        std::vector<CouplerEvent>& events) {
  const bool is_gnn = !trace.adjacency_EE.empty();
  for (std::size_t g = 0; g < trace.mixing_EE.size(); ++g) {
    if (is_gnn) {
      event.coupler_layer = static_cast<std::int64_t>(g);
      event.adjacency = to_matrix(trace.adjacency_EE[g]);
    } else {
      event.hyperedge_weights = to_vector(trace.hyperedge_weights_M);
    }
    event.mixing = to_matrix(trace.mixing_EE[g]);
    events.push_back(event);
  }
}

LayerEvent layer_event(const CouplerTrace& trace, const at::Tensor& all_experts_NED) {
  const auto first_tokens = [](const at::Tensor& x_NED) {
    return x_NED.narrow(0, 0, std::min(x_NED.size(0), kObservedTokens));
  };
  const at::Tensor experts_NED = first_tokens(all_experts_NED);
  LayerEvent event;
  event.expert_norms = to_vector(expert_norms(experts_NED));
  event.expert_cka = to_matrix(linear_cka(experts_NED));
  // One expert has nobody to talk to.
  if (trace.mixing_EE.empty() || experts_NED.size(1) == 1) return event;
  const at::Tensor mixing_EE = relative_mixing(at::stack(trace.mixing_EE).mean(0));
  event.dirichlet_before = dirichlet_energy(experts_NED, mixing_EE);
  event.dirichlet_after = dirichlet_energy(first_tokens(trace.features_NED), mixing_EE);
  event.second_eigenvalue = second_eigenvalue(mixing_EE);
  return event;
}

}  // namespace

LayerEvents observe_layers(const LanguageModel& model, const data::SampleSet& set,
                           const std::vector<std::int64_t>& rows, c10::Device device,
                           std::int64_t step) {
  HGNN_MOE_ASSERT(!rows.empty(), "{} evaluation rows", rows.size());
  const c10::NoGradGuard no_grad;
  LayerEvents events;
  const LayerObserver observer = [&](std::int64_t layer, const at::Tensor& experts_NED,
                                     const at::Tensor& input_ND) {
    const Coupler* coupler = model.layers()[static_cast<std::size_t>(layer)].coupler();
    const CouplerTrace trace =
        coupler == nullptr ? CouplerTrace{} : coupler->trace(experts_NED, input_ND);
    CouplerEvent coupler_event;
    coupler_event.step = step;
    coupler_event.layer = layer;
    add_coupler_events(trace, coupler_event, events.couplers);
    events.layers.push_back(layer_event(trace, experts_NED));
    events.layers.back().step = step;
    events.layers.back().layer = layer;
  };
  ForwardContext context;
  context.observer = &observer;
  const data::Batch batch = data::make_batch(set, rows, 0, samples_to_observe(set, rows));
  const DeviceBatch tensors = to_device(batch, 0, device);
  model.hidden(tensors.tokens_N, tensors.samples, context);
  return events;
}

}  // namespace hgnn_moe
