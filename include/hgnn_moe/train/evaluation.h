// The loss over an evaluation set.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "hgnn_moe/data/dataset.h"
#include "hgnn_moe/model/language_model.h"
#include "hgnn_moe/train/stop_signal.h"

namespace hgnn_moe {

// Losses of single targets: row r is the r-th evaluated sample in file order, column t the
// target of position t, NaN where there is none.
struct TokenLosses {
  std::int64_t rows = 0;
  std::int64_t columns = 0;
  std::vector<float> values;  // [rows, columns]
};

// Writes them as npy, float32 [rows, columns]. Throws Error(disk).
void write_token_losses(const std::string& path, const TokenLosses& losses);

struct EvaluationResult {
  double loss = 0.0;        // sum over all real targets divided by their number, nats
  double perplexity = 0.0;  // exp(loss)
  std::int64_t targets = 0;
  bool complete = true;  // else a signal came first, and nothing here is of the whole set
};

// Evaluates `rows` of `set` in batches of `batch_size`, without dropout and gradients. Sums in
// double over single losses, so the result hardly depends on the batch size. Fills
// `token_losses` where given. Ends before the next batch once `stop`, where given, has a signal.
EvaluationResult evaluate(const LanguageModel& model, const data::SampleSet& set,
                          const std::vector<std::int64_t>& rows, std::int64_t batch_size,
                          std::int64_t workers, c10::Device device,
                          TokenLosses* token_losses = nullptr, const StopSignal* stop = nullptr);

}  // namespace hgnn_moe
