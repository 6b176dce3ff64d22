// Models whose every parameter counts, for tests against formulas.
#pragma once

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include "tests/support/tensors.h"

#include "hgnn_moe/model/language_model.h"

namespace hgnn_moe::testing {

// Adds noise of this scale to the parameters: biases of 0 and norms of 1, as they are at first,
// would hide what is done with them.
inline void add_noise(const LanguageModel& model, double scale) {
  const c10::NoGradGuard no_grad;
  int seed = 0;
  for (const NamedParameter& parameter : model.parameters()) {
    at::Tensor tensor = parameter.tensor;
    tensor.add_(random_tensor(tensor.sizes(), ++seed).to(tensor.device()), scale);
  }
}

}  // namespace hgnn_moe::testing
