#include "hgnn_moe/kg/binary_figures.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace hgnn_moe::kg {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

// Pairs that cannot be told apart.
struct Tie {
  std::int64_t positives = 0;
  std::int64_t negatives = 0;

  std::int64_t size() const { return positives + negatives; }
};

// Where a pair stands: by tier, then by score. NaN has a tier of its own above or below the others.
std::pair<int, double> place_of(const ScoredPair& pair) {
  if (!std::isnan(pair.score)) return {1, pair.score};
  return {pair.is_positive ? 0 : 2, 0.0};
}

// From the highest place to the lowest.
std::vector<Tie> ties_of(const std::vector<ScoredPair>& pairs) {
  std::vector<std::pair<std::pair<int, double>, bool>> placed;
  placed.reserve(pairs.size());
  for (const ScoredPair& pair : pairs) placed.emplace_back(place_of(pair), pair.is_positive);
  std::sort(placed.begin(), placed.end(),
            [](const auto& a, const auto& b) { return a.first > b.first; });
  std::vector<Tie> ties;
  for (std::size_t i = 0; i < placed.size(); ++i) {
    if (i == 0 || placed[i].first != placed[i - 1].first) ties.emplace_back();
    ++(placed[i].second ? ties.back().positives : ties.back().negatives);
  }
  return ties;
}

double ratio(double part, double whole) { return whole == 0 ? kNone : part / whole; }

}  // namespace

BinaryFigures binary_figures(const std::vector<ScoredPair>& pairs) {
  BinaryFigures figures;
  double wins = 0;       // pairs of a positive and a negative in the right order
  double precision = 0;  // summed over the positives
  for (const Tie& tie : ties_of(pairs)) {
    const auto of_tie = static_cast<double>(tie.positives);
    wins += static_cast<double>(tie.negatives) *
            (static_cast<double>(figures.positives) + 0.5 * of_tie);
    figures.positives += tie.positives;
    figures.negatives += tie.negatives;
    precision += of_tie * static_cast<double>(figures.positives) /
                 static_cast<double>(figures.positives + figures.negatives);
  }
  const auto positives = static_cast<double>(figures.positives);
  const auto negatives = static_cast<double>(figures.negatives);
  figures.errors = std::count_if(pairs.begin(), pairs.end(),
                                 [](const ScoredPair& pair) { return std::isnan(pair.score); });
  figures.auroc = ratio(wins, positives * negatives);
  figures.average_precision = negatives == 0 ? kNone : ratio(precision, positives);
  return figures;
}

double recall_at(std::int64_t k, const std::vector<ScoredPair>& pairs) {
  double found = 0;
  double positives = 0;
  for (const Tie& tie : ties_of(pairs)) {
    const std::int64_t places = std::min(k, tie.size());
    found += static_cast<double>(tie.positives) * static_cast<double>(places) /
             static_cast<double>(tie.size());
    positives += static_cast<double>(tie.positives);
    k -= places;
  }
  return ratio(found, positives);
}

}  // namespace hgnn_moe::kg
