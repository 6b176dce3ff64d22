// The FLOPs that training needs, and what devices could do: model FLOPs utilisation.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "hgnn_moe/data/batch.h"
#include "hgnn_moe/model/model_config.h"

namespace hgnn_moe {

// Of one micro-batch, forward and backward. A multiplication and an addition are two FLOPs; counted
// are those of the cheapest correct form on real tokens alone, so that padding, copies and what is
// computed twice lower the utilisation. Forward, with N tokens, R targets, samples of t tokens, and
// per layer,
//
//   experts    24 E D^2 N
//   attention  E D sum of 2 t (t + 1)
//   coupler    2 D^2 N for the combiner, and
//     HGNN     2 E D N, and for its layers the smaller of 2 G D^3 (matrices folded into the
//              combiner's) and 2 G D^2 N (on the weighted mean of the experts); with activation or
//              residual G (2 D^2 + 2 E D) E N in their place
//     GNN      G (4 D^2 + 2 E D + 4 D) E N; with a single expert 2 G D^2 N
//   head       2 D V R, once
//
// and three times as much with the backward pass. bench/step/flops.py counts the same.
double needed_flops(const ModelConfig& model, const data::Batch& batch);

// FLOPs a second that a device of this name can do at most, in dense products of the precision on
// the data sheet; none where the device is not known.
std::optional<double> peak_flops(const std::string& device_name, Precision precision);

}  // namespace hgnn_moe
