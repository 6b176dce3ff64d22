#include "hgnn_moe/hgt/embedding_report.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include <ATen/ATen.h>

#include "distinct_rows.h"
#include "pair_figures.h"
#include "row_moments.h"
#include "row_samples.h"
#include "spectrum.h"

namespace hgnn_moe::hgt {
namespace {

constexpr std::size_t kNormBins = 30;
constexpr std::int64_t kAxes = 2;

using RowNumbers = std::vector<std::int64_t>;

at::Tensor index_of(const RowNumbers& rows) {
  return at::tensor(at::ArrayRef<std::int64_t>(rows), at::kLong);
}

bool is_finite(const float* row, std::int64_t width) {
  return std::all_of(row, row + width, [](float value) { return std::isfinite(value); });
}

// The finite rows of each type.
std::vector<RowNumbers> finite_rows(const Embeddings& embeddings) {
  std::vector<RowNumbers> rows(embeddings.type_names.size());
  const float* values = embeddings.values_NF.const_data_ptr<float>();
  const std::int64_t width = embeddings.width();
  for (std::int64_t node = 0; node < embeddings.nodes(); ++node) {
    if (!is_finite(values + node * width, width)) continue;
    const auto type = static_cast<std::size_t>(embeddings.node_types[node]);
    rows[type].push_back(node);
  }
  return rows;
}

Range range_of(std::vector<double> values) {
  if (values.empty()) return {};
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  Range range{*low, 0.0, *high};
  std::nth_element(values.begin(), middle, values.end());
  range.median = *middle;
  if (values.size() % 2 == 0) {
    range.median = (range.median + *std::max_element(values.begin(), middle)) / 2.0;
  }
  return range;
}

Histogram histogram_of(const std::vector<double>& values, const Range& range) {
  Histogram histogram{range.min, range.max, std::vector<std::int64_t>(kNormBins, 0)};
  const double width = (range.max - range.min) / static_cast<double>(kNormBins);
  for (const double value : values) {
    const double place = width > 0.0 ? (value - range.min) / width : 0.0;
    ++histogram.counts[std::min(static_cast<std::size_t>(place), kNormBins - 1)];
  }
  return histogram;
}

// The columns in which rows vary most, at most three.
std::vector<std::int64_t> varied_columns(const at::Tensor& squares_F) {
  const at::Tensor columns =
      std::get<1>(squares_F.topk(std::min<std::int64_t>(3, squares_F.numel())));
  const std::int64_t* column = columns.const_data_ptr<std::int64_t>();
  return {column, column + columns.numel()};
}

// What a group's figures are made of, whether its rows are of a type or all.
struct GroupSums {
  const RowNumbers& rows;
  const std::vector<double>& norms;
  double mean_square = 0.0;
  at::Tensor squares_F;    // sum of the squares of x - mean
  at::Tensor eigenvalues;  // of the scatter
  std::int64_t degrees = 0;
};

double rounding_floor(double mean_square, std::int64_t width) {
  return kRounding * kRounding * mean_square / static_cast<double>(width);
}

void add_variances(const GroupSums& sums, GroupReport& report) {
  const std::int64_t width = sums.squares_F.numel();
  report.spectrum =
      spectrum_of(sums.eigenvalues, sums.degrees, width, rounding_floor(sums.mean_square, width));
  if (sums.degrees < 1) return;
  const at::Tensor variances_F = sums.squares_F / static_cast<double>(sums.degrees);
  const double* variance = variances_F.const_data_ptr<double>();
  report.variances = range_of({variance, variance + width});
  const double floor = rounding_floor(sums.mean_square, width);
  const auto dead = std::count_if(variance, variance + width, [&](double v) { return v <= floor; });
  report.dead = static_cast<double>(dead) / static_cast<double>(width);
}

void add_rows(const Embeddings& embeddings, const GroupSums& sums, std::int64_t seed,
              GroupReport& report) {
  const RowSet set{embeddings.values_NF.const_data_ptr<float>(), embeddings.width(), sums.rows};
  report.zeros = std::count(sums.norms.begin(), sums.norms.end(), 0.0);
  report.distinct = count_distinct(set);
  report.norms = range_of(sums.norms);
  if (sums.rows.empty()) return;
  const double spread =
      std::sqrt(sums.squares_F.sum().item<double>() / static_cast<double>(sums.rows.size()));
  const double radius = std::max(kApart * spread, kRounding * std::sqrt(sums.mean_square));
  report.apart = count_apart(set, radius, varied_columns(sums.squares_F));
  report.uniformity = uniformity_of(unit_rows(
      embeddings.values_NF, sample_of(sums.rows, kUniformityNodes, seed, SampleUse::uniformity)));
  report.cosine_histogram = cosine_histogram(
      unit_rows(embeddings.values_NF, sample_of(sums.rows, kDrawnNodes, seed, SampleUse::drawing)));
}

class Reporter {
 public:
  Reporter(const Embeddings& embeddings, std::int64_t seed)
      : embeddings_(embeddings),
        rows_(finite_rows(embeddings)),
        node_counts_(rows_.size(), 0),
        within_FF_(at::zeros({embeddings.width(), embeddings.width()}, at::kDouble)) {
    for (const std::int32_t type : embeddings.node_types) {
      ++node_counts_[static_cast<std::size_t>(type)];
    }
    report_.nodes = embeddings.nodes();
    report_.width = embeddings.width();
    report_.seed = seed;
  }

  EmbeddingReport report() && {
    for (std::size_t type = 0; type < rows_.size(); ++type) add_type(type);
    add_cosines();
    add_all();
    return std::move(report_);
  }

 private:
  void add_type(std::size_t type) {
    const RowNumbers& rows = rows_[type];
    RowMoments moments = moments_of(embeddings_.values_NF, index_of(rows), within_FF_);
    GroupReport& group = report_.types.emplace_back();
    group.name = embeddings_.type_names[type];
    group.nodes = node_counts_[type];
    group.non_finite = group.nodes - moments.rows;
    const GroupSums sums{rows,
                         moments.norms,
                         moments.mean_square,
                         moments.squares_F,
                         moments.eigenvalues,
                         moments.rows - 1};
    add_variances(sums, group);
    add_rows(embeddings_, sums, report_.seed, group);
    raw_.push_back(moments.raw);
    centred_.push_back(moments.centred);
    moments.eigenvalues.reset();
    moments_.push_back(std::move(moments));
  }

  void add_cosines() {
    const Directions all_raw = sum_of(raw_);
    const Directions all_centred = sum_of(centred_);
    for (std::size_t type = 0; type < rows_.size(); ++type) {
      GroupReport& group = report_.types[type];
      group.cosine = {mean_cosine(raw_[type]), mean_cosine(centred_[type])};
      group.across = {mean_cosine(raw_[type], without(all_raw, raw_[type])),
                      mean_cosine(centred_[type], without(all_centred, centred_[type]))};
    }
    report_.within = {mean_cosine_within(raw_), mean_cosine_within(centred_)};
    report_.all.cosine = {mean_cosine(all_raw), mean_cosine(all_centred)};
    report_.all.across = {mean_cosine_across(raw_), mean_cosine_across(centred_)};
  }

  // The rows of all types with their moments.
  struct Pool {
    RowNumbers rows;  // ascending
    std::vector<double> norms;
    at::Tensor mean_F;
    double mean_square = 0.0;
    std::int64_t groups = 0;  // types with rows

    std::int64_t size() const { return static_cast<std::int64_t>(rows.size()); }
  };

  Pool pooled() const {
    Pool pool;
    pool.mean_F = at::zeros({embeddings_.width()}, at::kDouble);
    for (std::size_t type = 0; type < rows_.size(); ++type) {
      const RowMoments& moments = moments_[type];
      const auto count = static_cast<double>(moments.rows);
      pool.rows.insert(pool.rows.end(), rows_[type].begin(), rows_[type].end());
      pool.norms.insert(pool.norms.end(), moments.norms.begin(), moments.norms.end());
      pool.mean_F += moments.mean_F * count;
      pool.mean_square += moments.mean_square * count;
      pool.groups += moments.rows > 0;
    }
    const auto count = static_cast<double>(std::max<std::int64_t>(1, pool.size()));
    pool.mean_F /= count;
    pool.mean_square /= count;
    std::sort(pool.rows.begin(), pool.rows.end());
    return pool;
  }

  void add_all() {
    const Pool pool = pooled();
    GroupReport& all = report_.all;
    all.name = "all";
    all.nodes = embeddings_.nodes();
    all.non_finite = all.nodes - pool.size();
    report_.within_spectrum =
        spectrum_of(at::linalg_eigvalsh(within_FF_), pool.size() - pool.groups, embeddings_.width(),
                    rounding_floor(pool.mean_square, embeddings_.width()));
    const at::Tensor scatter_FF = total_scatter(pool.mean_F);
    const auto [eigenvalues, vectors_FF] = at::linalg_eigh(scatter_FF);
    const GroupSums sums{pool.rows,        pool.norms,
                         pool.mean_square, scatter_FF.diagonal().contiguous(),
                         eigenvalues,      pool.size() - 1};
    add_variances(sums, all);
    add_rows(embeddings_, sums, report_.seed, all);
    add_points(pool.mean_F, vectors_FF);
    add_norm_histograms(pool.norms);
  }

  // With bins that all types share, so that they can be compared.
  void add_norm_histograms(const std::vector<double>& all_norms) {
    report_.all.norm_histogram = histogram_of(all_norms, report_.all.norms);
    for (std::size_t type = 0; type < moments_.size(); ++type) {
      report_.types[type].norm_histogram = histogram_of(moments_[type].norms, report_.all.norms);
    }
  }

  // That within the types and that of their means. Takes the place of the first.
  at::Tensor total_scatter(const at::Tensor& mean_F) {
    at::Tensor scatter_FF = std::move(within_FF_);
    for (const RowMoments& moments : moments_) {
      const at::Tensor offset_F = moments.mean_F - mean_F;
      scatter_FF.addr_(offset_F, offset_F, 1, static_cast<double>(moments.rows));
    }
    return scatter_FF;
  }

  // Samples of the types on the directions of most variance, which come last.
  void add_points(const at::Tensor& mean_F, const at::Tensor& vectors_FF) {
    report_.points.resize(rows_.size());
    const std::vector<double>& variances = report_.all.spectrum.variances;
    const double total = std::accumulate(variances.begin(), variances.end(), 0.0);
    const std::int64_t axes = std::min(kAxes, report_.all.spectrum.possible);
    for (std::int64_t axis = 0; axis < axes; ++axis) {
      report_.axis_shares.push_back(total > 0.0 ? variances[static_cast<std::size_t>(axis)] / total
                                                : 0.0);
      const at::Tensor direction_F = oriented(vectors_FF.select(1, vectors_FF.size(1) - 1 - axis));
      for (std::size_t type = 0; type < rows_.size(); ++type) {
        Points& points = report_.points[type];
        project(type, mean_F, direction_F, axis == 0 ? points.x : points.y);
      }
    }
  }

  // The sign of an eigenvector is arbitrary: its largest element is made positive.
  static at::Tensor oriented(const at::Tensor& direction_F) {
    const std::int64_t largest = direction_F.abs().argmax().item<std::int64_t>();
    return direction_F[largest].item<double>() < 0.0 ? -direction_F : direction_F;
  }

  void project(std::size_t type, const at::Tensor& mean_F, const at::Tensor& direction_F,
               std::vector<double>& coordinates) const {
    const RowNumbers sample = sample_of(rows_[type], kDrawnNodes, report_.seed, SampleUse::drawing);
    for_each_piece(embeddings_.values_NF, index_of(sample), [&](const at::Tensor& rows) {
      const at::Tensor places = (rows - mean_F).mv(direction_F);
      const double* place = places.const_data_ptr<double>();
      coordinates.insert(coordinates.end(), place, place + places.numel());
    });
  }

  const Embeddings& embeddings_;
  std::vector<RowNumbers> rows_;  // of each type, the finite ones
  std::vector<std::int64_t> node_counts_;
  at::Tensor within_FF_;
  std::vector<RowMoments> moments_;
  std::vector<Directions> raw_, centred_;
  EmbeddingReport report_;
};

}  // namespace

EmbeddingReport report_on(const Embeddings& embeddings, std::int64_t seed,
                          const std::optional<PositivePairs>& pairs) {
  EmbeddingReport report = Reporter(embeddings, seed).report();
  if (pairs) report.alignment = alignment_of(embeddings.values_NF, *pairs);
  return report;
}

}  // namespace hgnn_moe::hgt
