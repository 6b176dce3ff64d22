#include "hgnn_moe/train/generate.h"

#include <algorithm>

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include "hgnn_moe/base/error.h"

namespace hgnn_moe {

std::vector<std::int64_t> generate(const LanguageModel& model, std::vector<std::int64_t> prompt,
                                   std::int64_t count, const SamplerOptions& options,
                                   c10::Device device) {
  HGNN_MOE_ASSERT(!prompt.empty(), "an empty prompt");
  const c10::NoGradGuard no_grad;
  std::vector<std::int64_t> ids = std::move(prompt);
  const auto prompt_size = static_cast<std::ptrdiff_t>(ids.size());
  for (std::int64_t i = 0; i < count; ++i) {
    const auto size = static_cast<std::int64_t>(ids.size());
    const std::int64_t window = std::min(size, model.config().max_seq_length);
    const at::Tensor tokens_1T =
        at::from_blob(ids.data() + (size - window), {1, window}, at::kLong).to(device);
    const at::Tensor last_D = model.hidden(tokens_1T, ForwardContext{})[0][window - 1];
    const at::Tensor logits_V = model.logits(last_D).to(at::kCPU, at::kFloat).contiguous();
    const float* begin = logits_V.const_data_ptr<float>();
    ids.push_back(sample_token({begin, begin + logits_V.numel()}, size, options));
  }
  return {ids.begin() + prompt_size, ids.end()};
}

void check_sample_ids(const std::vector<std::int64_t>& ids, std::int64_t vocab_size) {
  for (const std::int64_t id : ids) {
    if (id < 0 || id >= vocab_size) {
      fail(ExitCode::usage,
           "sample_ids holds {}, which is no token of this vocabulary; give ids "
           "from 0 to {}",
           id, vocab_size - 1);
    }
  }
}

}  // namespace hgnn_moe
