#include "hgnn_moe/hgt/decoder.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include <ATen/ATen.h>

#include "hgnn_moe/base/error.h"

namespace hgnn_moe::hgt {

namespace {

constexpr double kPi = 3.14159265358979323846;
// Of the differences of a tile of queries and candidates.
constexpr std::int64_t kTileElements = 1 << 22;

struct Complex {
  at::Tensor real, imaginary;
};

Complex halves(const at::Tensor& x) {
  const std::int64_t half = x.size(-1) / 2;
  return {x.narrow(-1, 0, half), x.narrow(-1, half, half)};
}

at::Tensor joined(const Complex& x) { return at::cat({x.real, x.imaginary}, -1); }

Complex operator*(const Complex& x, const Complex& y) {
  return {x.real * y.real - x.imaginary * y.imaginary, x.real * y.imaginary + x.imaginary * y.real};
}

Complex conjugate(const Complex& x) { return {x.real, -x.imaginary}; }

// sum |x - y| over the last dimension, which broadcast. The smallest modulus has a derivative: 0.
at::Tensor distance(const at::Tensor& x, const at::Tensor& y) {
  const Complex difference = halves(x - y);
  return (difference.real.square() + difference.imaginary.square()).clamp_min(1e-30).sqrt().sum(-1);
}

double glorot_bound(std::int64_t rows, std::int64_t columns) {
  return std::sqrt(6.0 / static_cast<double>(rows + columns));
}

}  // namespace

Decoder::Decoder(Parameters& parameters, const std::string& prefix, const DecoderOptions& options,
                 std::int64_t num_relations, std::int64_t features)
    : options_(options) {
  const bool is_complex = options.kind == HgtDecoder::complex || options.kind == HgtDecoder::rotate;
  HGNN_MOE_ASSERT(!is_complex || features % 2 == 0, "{} features as complex numbers", features);
  const std::int64_t columns = is_complex ? features / 2 : features;
  const std::string name = prefix + "rel_emb.weight";
  const double bound = glorot_bound(num_relations, columns);
  switch (options.kind) {
    case HgtDecoder::dot:
      return;
    case HgtDecoder::complex:
      relation_ = parameters.add_uniform(name, {num_relations, columns}, bound);
      relation_imaginary_ =
          parameters.add_uniform(prefix + "rel_emb_im.weight", {num_relations, columns}, bound);
      return;
    case HgtDecoder::distmult:
      relation_ = parameters.add_uniform(name, {num_relations, columns}, bound);
      return;
    case HgtDecoder::rotate:
      relation_ = parameters.add_uniform(name, {num_relations, columns}, kPi);
      return;
  }
}

at::Tensor Decoder::tail_query(const at::Tensor& heads_BF, const at::Tensor& relations_B) const {
  if (options_.kind == HgtDecoder::dot) return heads_BF;
  const at::Tensor r = relation_.index_select(0, relations_B);
  switch (options_.kind) {
    case HgtDecoder::complex:
      return joined(halves(heads_BF) *
                    Complex{r, relation_imaginary_.index_select(0, relations_B)});
    case HgtDecoder::rotate:
      return joined(halves(heads_BF) * Complex{r.cos(), r.sin()});
    default:
      return heads_BF * r;
  }
}

// Re(h r conj(t)) = Re(h conj(t conj(r))), and |h r - t| = |h - t conj(r)|.
at::Tensor Decoder::head_query(const at::Tensor& tails_BF, const at::Tensor& relations_B) const {
  if (options_.kind == HgtDecoder::dot) return tails_BF;
  const at::Tensor r = relation_.index_select(0, relations_B);
  switch (options_.kind) {
    case HgtDecoder::complex:
      return joined(halves(tails_BF) *
                    conjugate(Complex{r, relation_imaginary_.index_select(0, relations_B)}));
    case HgtDecoder::rotate:
      return joined(halves(tails_BF) * Complex{r.cos(), -r.sin()});
    default:
      return tails_BF * r;
  }
}

at::Tensor Decoder::score(const at::Tensor& heads_BF, const at::Tensor& relations_B,
                          const at::Tensor& tails_BF) const {
  const at::Tensor query_BF = tail_query(heads_BF, relations_B);
  if (options_.kind == HgtDecoder::rotate) return options_.margin - distance(query_BF, tails_BF);
  return (query_BF * tails_BF).sum(-1);
}

at::Tensor Decoder::compare(const at::Tensor& queries_BF, const at::Tensor& candidates_CF) const {
  if (options_.kind != HgtDecoder::rotate) return at::mm(queries_BF, candidates_CF.t());
  const std::int64_t queries = queries_BF.size(0), features = queries_BF.size(1);
  const std::int64_t tile =
      std::max<std::int64_t>(1, kTileElements / std::max<std::int64_t>(1, queries * features));
  std::vector<at::Tensor> scores{queries_BF.new_empty({queries, 0})};
  for (const at::Tensor& candidates : candidates_CF.split(tile)) {
    scores.push_back(options_.margin - distance(queries_BF.unsqueeze(1), candidates));
  }
  return at::cat(scores, 1);
}

at::Tensor Decoder::score_tails(const at::Tensor& heads_BF, const at::Tensor& relations_B,
                                const at::Tensor& candidates_CF) const {
  return compare(tail_query(heads_BF, relations_B), candidates_CF);
}

at::Tensor Decoder::score_heads(const at::Tensor& tails_BF, const at::Tensor& relations_B,
                                const at::Tensor& candidates_CF) const {
  return compare(head_query(tails_BF, relations_B), candidates_CF);
}

}  // namespace hgnn_moe::hgt
