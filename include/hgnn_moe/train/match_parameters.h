// A model of as many parameters as another: what makes a comparison of two couplers fair.
#pragma once

#include <cstdint>
#include <string>

#include "hgnn_moe/config/train_options.h"

namespace hgnn_moe {

// As a share of the reference's parameters: below it two models count as equally large.
inline constexpr double kLargestParameterDifference = 0.01;

struct ParameterMatch {
  std::int64_t embed_dim = 0;
  std::int64_t num_layers = 0;
  std::int64_t parameters = 0;  // of the run with these
  std::int64_t reference = 0;   // to be met

  // Of the two numbers, signed, as a share of the reference's.
  double difference() const;
};

// Chooses the run's embed_dim; where no width comes near enough its num_layers; else both, with as
// few changed layers as possible. Widths are what the attention heads divide, multiples of 8 where
// they will do. Throws Error(usage) where nothing comes within kLargestParameterDifference.
ParameterMatch match_parameters(const TrainConfig& run, const TrainConfig& reference,
                                std::int64_t vocab_size);

// What was chosen and how near it is, as a sentence.
std::string describe(const ParameterMatch& match, const TrainConfig& run);

// Where match_parameters names a file: the reference is the run's settings with the file's over
// them, and the returned configuration has the chosen sizes, match_parameters being done with, and
// the sentence among its notes. Else `parsed`. Throws Error(usage) or Error(data).
ParsedConfig with_matched_parameters(ParsedConfig parsed);

}  // namespace hgnn_moe
