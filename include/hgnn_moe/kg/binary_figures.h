// Figures of scores that should tell positives from negatives.
#pragma once

#include <cstdint>
#include <vector>

namespace hgnn_moe::kg {

struct ScoredPair {
  double score = 0.0;
  bool is_positive = false;
};

// A score that is NaN is an error and never helps: a positive with it stands below all others, a
// negative above.
struct BinaryFigures {
  std::int64_t positives = 0;
  std::int64_t negatives = 0;
  std::int64_t errors = 0;  // scores that are NaN
  // The chance that a positive's score is above a negative's, equal ones counting half
  // (Mann-Whitney).
  double auroc = 0.0;
  // The sum over distinct scores of (rise in recall) x precision, as scikit-learn's
  // average_precision_score: the area under the precision-recall curve without interpolation.
  double average_precision = 0.0;
};

// NaN where positives or negatives are missing.
BinaryFigures binary_figures(const std::vector<ScoredPair>& pairs);

// The share of the positives that are among the k highest scores, on average over all orders of
// equal ones; NaN without positives. k >= 0.
double recall_at(std::int64_t k, const std::vector<ScoredPair>& pairs);

}  // namespace hgnn_moe::kg
