#include "hgnn_moe/train/evaluation.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include "hgnn_moe/base/npy.h"
#include "hgnn_moe/base/prefetcher.h"
#include "hgnn_moe/train/device_batch.h"

namespace hgnn_moe {

namespace {

void store_token_losses(const data::Batch& batch, const float* losses, std::int64_t first_row,
                        TokenLosses& out) {
  for (std::int64_t b = 0; b < batch.size; ++b) {
    float* row = out.values.data() + (first_row + b) * out.columns;
    for (std::int64_t t = 0; t < batch.length; ++t) {
      if (batch.targets[b * batch.length + t] != data::kNoTarget) row[t] = *losses++;
    }
  }
}

}  // namespace

void write_token_losses(const std::string& path, const TokenLosses& losses) {
  write_npy_f32(path, losses.rows, losses.columns, losses.values.data());
}

EvaluationResult evaluate(const LanguageModel& model, const data::SampleSet& set,
                          const std::vector<std::int64_t>& rows, std::int64_t batch_size,
                          std::int64_t workers, c10::Device device, TokenLosses* token_losses,
                          const StopSignal* stop) {
  const c10::NoGradGuard no_grad;
  const auto count = static_cast<std::int64_t>(rows.size());
  if (token_losses != nullptr) {
    token_losses->rows = count;
    token_losses->columns = set.max_targets();
    token_losses->values.assign(static_cast<std::size_t>(count * token_losses->columns),
                                std::numeric_limits<float>::quiet_NaN());
  }
  Prefetcher<data::Batch> batches(
      (count + batch_size - 1) / batch_size, workers, [&](std::int64_t i) {
        return data::make_batch(set, rows, i * batch_size,
                                std::min(batch_size, count - i * batch_size));
      });
  const Padding padding = few_sizes(limits_of(set, std::min(batch_size, count)));
  EvaluationResult result;
  // On the device: asking for a value at every batch would wait for it.
  at::Tensor sum = at::zeros({}, at::dtype(at::kDouble).device(device));
  std::int64_t first_row = 0;
  while (const auto batch = batches.next()) {
    if (stop != nullptr && stop->received() != 0) {
      result.complete = false;
      return result;
    }
    if (batch->real_targets > 0) {
      const DeviceBatch tensors = to_device(*batch, 0, device, padding);
      const at::Tensor losses_K = target_losses(model, tensors, ForwardContext{});
      sum.add_(losses_K.sum(at::kDouble));
      if (token_losses != nullptr) {
        const at::Tensor host_K = losses_K.to(at::kCPU, at::kFloat).contiguous();
        store_token_losses(*batch, host_K.const_data_ptr<float>(), first_row, *token_losses);
      }
    }
    result.targets += batch->real_targets;
    first_row += batch->size;
  }
  result.loss = result.targets > 0 ? sum.item<double>() / static_cast<double>(result.targets)
                                   : std::numeric_limits<double>::quiet_NaN();
  result.perplexity = std::exp(result.loss);
  return result;
}

}  // namespace hgnn_moe
