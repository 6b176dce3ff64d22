// Text by the model itself, token by token.
#pragma once

#include <cstdint>
#include <vector>

#include <c10/core/Device.h>

#include "hgnn_moe/model/language_model.h"
#include "hgnn_moe/train/token_sampler.h"

namespace hgnn_moe {

// `count` tokens after `prompt` (at least one id). The model sees the last T tokens.
std::vector<std::int64_t> generate(const LanguageModel& model, std::vector<std::int64_t> prompt,
                                   std::int64_t count, const SamplerOptions& options,
                                   c10::Device device);

// Throws Error(usage) where one of sample_ids is no token of the vocabulary.
void check_sample_ids(const std::vector<std::int64_t>& ids, std::int64_t vocab_size);

}  // namespace hgnn_moe
