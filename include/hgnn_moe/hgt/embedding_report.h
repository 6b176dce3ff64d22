// What the embeddings of a graph's nodes look like: whether nodes can still be told apart.
// docs/hgt.md has the formulas and how they are judged.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "hgnn_moe/hgt/embedding_file.h"

namespace hgnn_moe::hgt {

// A difference below this share of the root mean square of what it is a difference of is the
// rounding of float32, not information.
inline constexpr double kRounding = 1e-6;
// Rows nearer to each other than this share of their root mean square distance from their mean are
// counted once.
inline constexpr double kApart = 1e-3;
// Uniformity takes all pairs of up to so many nodes, and a sample of so many where there are more.
inline constexpr std::int64_t kUniformityNodes = 4096;
// Points drawn of a type, and nodes whose pairs make its histogram of cosines.
inline constexpr std::int64_t kDrawnNodes = 500;

// How the variance of rows spreads over directions.
struct Spectrum {
  std::vector<double> variances;   // eigenvalues of the covariance, descending, `possible` of them
  std::int64_t possible = 0;       // min(degrees of freedom of the rows, F)
  std::int64_t components_90 = 0;  // fewest directions that hold 90 % of the variance
  double effective_rank = 0.0;     // exp of the entropy of sigma / sum of sigma, sigma^2 = variance
                                   // (Roy and Vetterli 2007, "The effective rank")
  double participation_ratio = 0.0;  // (sum of variances)^2 / sum of their squares
};

struct Range {
  double min = 0.0;
  double median = 0.0;
  double max = 0.0;
};

// Over pairs of different nodes, none where there is no pair of which both have a direction.
struct MeanCosine {
  std::optional<double> raw;
  std::optional<double> centred;  // after the mean of its type was taken from each row
};

// log of the mean of exp(-2 |u - v|^2) over pairs of unit rows u, v: the lower, the more evenly
// they cover the sphere (Wang and Isola 2020, "Understanding contrastive representation learning
// through alignment and uniformity on the hypersphere").
struct Uniformity {
  std::optional<double> value;
  std::int64_t nodes = 0;  // whose pairs it is over; fewer than there are: a sample
};

// The mean of |u - v|^2 over positive pairs, here the edges of a graph (the same paper).
struct Alignment {
  double value = 0.0;
  std::int64_t pairs = 0;
  std::int64_t left_out = 0;  // edges of which an end has no embedding, or more than one
};

// Equal bins from `low` to `high`.
struct Histogram {
  double low = 0.0;
  double high = 0.0;
  std::vector<std::int64_t> counts;
};

// Rows of a type on the first two principal components of all rows.
struct Points {
  std::vector<double> x, y;
};

// The nodes of a type, or all. Rows with NaN or an infinity are counted and left out of the rest.
struct GroupReport {
  std::string name;
  std::int64_t nodes = 0;
  std::int64_t non_finite = 0;
  std::int64_t zeros = 0;     // rows of zeros, which have no direction
  std::int64_t distinct = 0;  // rows, counting equal ones once
  std::int64_t apart = 0;     // rows, counting those nearer than kApart once, in file order
  MeanCosine cosine;          // of pairs within the group
  MeanCosine across;          // of pairs with nodes of other types; of all: of different types
  Range norms;
  Range variances;    // of the single dimensions
  double dead = 0.0;  // share of dimensions whose deviation is below kRounding
  Spectrum spectrum;  // about the mean of the group
  Uniformity uniformity;
  Histogram norm_histogram;    // with the bins of all nodes
  Histogram cosine_histogram;  // of the pairs of up to kDrawnNodes nodes

  std::int64_t finite() const { return nodes - non_finite; }
};

struct EmbeddingReport {
  std::int64_t nodes = 0;
  std::int64_t width = 0;
  std::int64_t seed = 0;
  std::vector<GroupReport> types;
  GroupReport all;
  MeanCosine within;         // of pairs of nodes of one type, whatever type
  Spectrum within_spectrum;  // of all rows, each about the mean of its type
  std::optional<Alignment> alignment;
  std::vector<Points> points;       // of each type
  std::vector<double> axis_shares;  // of the total variance, of the two axes of the points
};

// Pairs of rows, e.g. the ends of a graph's edges.
struct PositivePairs {
  std::vector<std::int32_t> heads, tails;
  std::int64_t left_out = 0;
};

// All figures; samples are drawn by `seed`. Sums are in float64; memory beside the embeddings is a
// few matrices of F x F and of pieces of the rows.
EmbeddingReport report_on(const Embeddings& embeddings, std::int64_t seed,
                          const std::optional<PositivePairs>& pairs = std::nullopt);

}  // namespace hgnn_moe::hgt
