#include "hgnn_moe/train/dry_run.h"

#include "hgnn_moe/train/forecast.h"

namespace hgnn_moe {

Json dry_run_record(const ParsedConfig& parsed) {
  const RunForecast forecast = Forecaster().forecast(parsed.config);
  const ParameterCounts& counts = forecast.parameters;
  const MemoryEstimate& memory = forecast.memory;
  Json record = Json::object();
  record["config"] = to_json(parsed.config);
  record["parameters"] = {{"total", counts.total()},
                          {"embeddings", counts.embeddings},
                          {"experts", counts.experts},
                          {"couplers", counts.couplers},
                          {"head", counts.head}};
  record["memory"] = {{"parameters", memory.parameters},
                      {"gradients", memory.gradients},
                      {"optimizer", memory.optimizer},
                      {"snapshot", memory.snapshot},
                      {"activations", memory.activations},
                      {"evaluation", memory.evaluation},
                      {"token_losses", memory.token_losses},
                      {"runtime", memory.runtime},
                      {"total", memory.total}};
  record["steps"] = forecast.length ? Json(forecast.length->steps) : Json(nullptr);
  record["tokens"] = forecast.length ? Json(forecast.length->tokens) : Json(nullptr);
  return record;
}

}  // namespace hgnn_moe
