#include "spectrum.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>

namespace hgnn_moe::hgt {
namespace {

constexpr double kShare = 0.9;

std::int64_t components_for(double share, const std::vector<double>& variances, double total) {
  double sum = 0.0;
  std::int64_t components = 0;
  while (sum < share * total && components < static_cast<std::int64_t>(variances.size())) {
    sum += variances[static_cast<std::size_t>(components++)];
  }
  return components;
}

double effective_rank_of(const std::vector<double>& variances) {
  double total = 0.0;
  for (const double variance : variances) total += std::sqrt(variance);
  double entropy = 0.0;
  for (const double variance : variances) {
    const double share = std::sqrt(variance) / total;
    if (share > 0.0) entropy -= share * std::log(share);
  }
  return std::exp(entropy);
}

}  // namespace

Spectrum spectrum_of(const at::Tensor& eigenvalues, std::int64_t degrees, std::int64_t width,
                     double floor) {
  Spectrum spectrum;
  spectrum.possible = std::max<std::int64_t>(0, std::min(degrees, width));
  if (spectrum.possible == 0) return spectrum;
  const double* values = eigenvalues.const_data_ptr<double>();
  std::vector<double>& variances = spectrum.variances;
  variances.assign(values, values + eigenvalues.numel());
  std::sort(variances.begin(), variances.end(), std::greater<>());
  variances.resize(static_cast<std::size_t>(spectrum.possible));
  // What is left of zero after rounding.
  const double rounding =
      variances[0] * static_cast<double>(width) * std::numeric_limits<double>::epsilon();
  for (double& variance : variances) {
    variance = variance > rounding ? variance / static_cast<double>(degrees) : 0.0;
    if (variance < floor) variance = 0.0;
  }

  const double total = std::accumulate(variances.begin(), variances.end(), 0.0);
  if (total == 0.0) return spectrum;
  double squares = 0.0;
  for (const double variance : variances) squares += (variance / total) * (variance / total);
  spectrum.participation_ratio = 1.0 / squares;
  spectrum.components_90 = components_for(kShare, variances, total);
  spectrum.effective_rank = effective_rank_of(variances);
  return spectrum;
}

}  // namespace hgnn_moe::hgt
