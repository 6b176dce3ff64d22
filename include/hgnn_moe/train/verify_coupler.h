// --verify_coupler: the couplers' path in force against the plain one, token by token.
#pragma once

#include <string>

#include "hgnn_moe/model/language_model.h"
#include "hgnn_moe/train/device_batch.h"

namespace hgnn_moe {

// Loss and gradients of one batch on two models of the same configuration. Returns "" where they
// agree, else a sentence that names the worst difference. A gradient agrees where the norm of the
// difference is within 1e-3 (bf16 products: 5e-2) of its own norm, or within 1e-5 of the whole
// gradient's: the key biases' is zero but for rounding. The models' gradients are left undefined.
std::string coupler_difference(const LanguageModel& model, const LanguageModel& reference,
                               const DeviceBatch& batch, const ForwardContext& context);

// Compares `model` with a copy of it on the sequential path. Takes as long as the sequential path
// does and, while it runs, the memory of a second model. Throws Error(self_check).
void verify_coupler(const LanguageModel& model, const DeviceBatch& batch,
                    const ForwardContext& context);

}  // namespace hgnn_moe
