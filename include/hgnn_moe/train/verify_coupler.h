// --verify_coupler: the couplers' path in force against the plain one, token by token.
#pragma once

#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "hgnn_moe/model/language_model.h"
#include "hgnn_moe/train/device_batch.h"

namespace hgnn_moe {

struct LossAndGradients {
  double loss = 0.0;
  std::vector<at::Tensor> gradients;  // in the order of the parameters; zeros where undefined
};

// Of the mean loss of one batch. The model's own gradients are left undefined.
LossAndGradients loss_and_gradients(const LanguageModel& model, const DeviceBatch& batch,
                                    const ForwardContext& context);

// Whether `ours` is as near to `exact`, which is computed in float64, as a plain computation in
// our own precision: `plain`. Allowed is, in the norm, a thousandth of the gradient; ten times the
// plain one's rounding error, both relative to the whole gradient and in absolute terms the largest
// over the parameters of a kind in all layers and experts (the key biases have no gradient but
// rounding); and one fp32 rounding of the whole gradient.
// Returns "" where all agree, else a sentence that names the worst; a value that is not a number
// differs.
std::string coupler_difference(const ParameterList& parameters, const LossAndGradients& ours,
                               const LossAndGradients& plain, const LossAndGradients& exact);

// Compares `model` with copies of it on the sequential path, one of them in float64. Takes as long
// as that path does twice, and meanwhile the memory of a second model in float64. Throws
// Error(self_check), or Error(diverged) where the loss itself is not finite.
void verify_coupler(const LanguageModel& model, const DeviceBatch& batch,
                    const ForwardContext& context);

}  // namespace hgnn_moe
