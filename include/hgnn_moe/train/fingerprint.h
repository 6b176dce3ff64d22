// Whether a resumed run is still the same run.
#pragma once

#include <string>
#include <vector>

#include "hgnn_moe/base/json.h"

namespace hgnn_moe {

// A sentence for each value that differs between two flat or nested objects, in the order of
// `saved`: "embed_dim: 384 in the checkpoint, 256 now". Nested keys are joined by dots. A null of
// one that the other lacks is no difference, so that runs of versions without an option resume.
std::vector<std::string> compare_fingerprint(const Json& saved, const Json& current);

// The same for the options alone that decide which tensors a model has and what they mean: those in
// both, in the order of `saved`. `current` has all options, also those that its coupler does not
// use.
std::vector<std::string> compare_model_options(const Json& saved, const Json& current);

}  // namespace hgnn_moe
