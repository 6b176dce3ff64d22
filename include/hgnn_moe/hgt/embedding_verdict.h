// Whether embeddings can be used: the figures of a report against thresholds. docs/hgt.md says
// where these come from.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "hgnn_moe/hgt/embedding_report.h"

namespace hgnn_moe::hgt {

enum class Grade { good, warning, collapsed };

const std::vector<std::string>& names_of(Grade);

// What hgt_embed validate returns: 0, 8, 9.
int exit_code(Grade grade);

// Of a type with fewer nodes nothing is judged but NaN and infinities.
inline constexpr std::int64_t kJudgedNodes = 6;

// A figure below `warning` or `collapsed` gets that grade.
struct Threshold {
  double warning = 0.0;
  double collapsed = 0.0;
};

// The share 1 - mean cosine of its squared length that tells a row from others.
inline constexpr Threshold kSpread{0.1, 0.01};
// The effective rank: this share of what is possible, and at most so many.
inline constexpr Threshold kRankShare{0.5, 0.25};
inline constexpr Threshold kRankCap{20.0, 10.0};
// The same of the components for 90 % of the variance.
inline constexpr Threshold kComponentShare{0.25, 0.125};
inline constexpr Threshold kComponentCap{10.0, 5.0};
// The share of rows that lie apart, of as many as there is room for.
inline constexpr Threshold kApartShare{0.75, 0.25};
// Room for this many rows along each dimension.
inline constexpr double kRoom = 50.0;

// By how much a sample's spread may fall below the true one by chance: the quantile of
// chi-squared / degrees at -4 standard deviations (3e-5), for (rows - 1) * (F - 1) degrees
// (Wilson and Hilferty 1931).
double chance_factor(std::int64_t rows, std::int64_t width);

struct Finding {
  Grade grade = Grade::good;
  std::string reason;  // "effective rank 2.9 of 63 possible is below 10"
};

struct GroupVerdict {
  std::string name;
  bool is_judged = false;  // or it has too few nodes
  std::vector<Finding> findings;

  Grade grade() const;  // the worst of the findings
};

struct Verdict {
  Grade grade = Grade::good;        // the worst of all
  std::vector<GroupVerdict> types;  // as in the report
  // Of all nodes, each about the mean of its type; where no type alone has enough.
  std::optional<GroupVerdict> together;
  std::vector<std::string> notes;  // what could not be judged
};

Verdict judge(const EmbeddingReport& report);

// The criteria of the program that came before, for comparison; they decide nothing.
struct OriginalCriteria {
  std::optional<bool> mean_cosine;  // over all pairs, below 0.7
  bool components = false;          // more than 10 for 90 % of the variance of all rows
  std::int64_t types_in_range = 0;  // types with a mean cosine of 0.5 to 0.8
  std::int64_t types = 0;           // that have one
};

OriginalCriteria original_criteria(const EmbeddingReport& report);

}  // namespace hgnn_moe::hgt
