// Attention of one sample under one head, block of queries by block of queries. A block's scores
// against all keys before it are a panel of kBlock rows in the workspace: linear in the length of
// the sample, and a row is whole when its softmax is taken.
#include "packed_attention_kernel.h"

#include "exponential.h"
#include "philox.h"
#include "rows.h"
#include "tiles.h"

namespace hgnn_moe::ops::HGNN_MOE_ISA {

namespace {

constexpr std::int64_t kBlock = 32;       // queries
constexpr std::int64_t kKeyPadding = 32;  // keys are padded to this
static_assert(kKeyPadding % kPanel<float> == 0, "a panel would reach past the keys");
static_assert(kMostWordsAtOnce % kWordsAtOnce == 0, "the words would reach past the workspace");

// One unit of work, with its numbers in the tensors.
struct Unit {
  std::int64_t begin, length;              // its tokens
  std::int64_t query, key, value, stride;  // first elements in qkv, and from token to token
  std::int64_t out, out_stride;            // in [N, E, A, d]
  std::int64_t row, row_stride;            // in [N, E, A]
  std::int64_t expert, head;
};

Unit make_unit(const PackedAttentionArguments& a, std::int64_t index) {
  const std::int64_t sample = index % a.batch, head = index / a.batch % a.heads,
                     expert = index / a.batch / a.heads;
  Unit u;
  u.begin = a.offsets[sample];
  u.length = a.offsets[sample + 1] - u.begin;
  u.expert = expert;
  u.head = head;
  u.row_stride = a.experts * a.heads;
  u.row = u.begin * u.row_stride + expert * a.heads + head;
  u.out_stride = u.row_stride * a.dim;
  u.out = u.row * a.dim;
  u.stride = 3 * u.out_stride;
  u.query = u.begin * u.stride + (3 * expert * a.heads + head) * a.dim;
  u.key = u.query + a.heads * a.dim;
  u.value = u.key + a.heads * a.dim;
  return u;
}

// The matrices of one unit, one behind the other.
template <typename Compute>
struct Workspace {
  Workspace(void* memory, std::int64_t length, std::int64_t dim)
      : keys(round_up(length, kKeyPadding)), dim(round_up(dim, kLanes<Compute>)) {
    auto* next = static_cast<Compute*>(memory);
    const auto take = [&](std::int64_t size) {
      Compute* const here = next;
      next += size;
      return here;
    };
    rows = take(keys * this->dim);
    key_panels = take(keys * this->dim);
    value_panels = take(keys * this->dim);
    d_key = take(keys * this->dim);
    d_value = take(keys * this->dim);
    query = take(kBlock * this->dim);
    out = take(kBlock * this->dim);
    d_out = take(kBlock * this->dim);
    scores = take(kBlock * keys);
    d_scores = take(kBlock * keys);
    words = reinterpret_cast<std::uint32_t*>(take(round_up(length, kWordsAtOnce)));
  }

  std::int64_t keys, dim;              // padded
  Compute* rows;                       // values, in backward keys: [keys, dim]
  Compute *key_panels, *value_panels;  // transposed by transpose_panels
  Compute *d_key, *d_value;            // [keys, dim]
  Compute *query, *out, *d_out;        // of the block: [kBlock, dim]
  Compute *scores, *d_scores;          // of the block: [kBlock, keys]
  std::uint32_t* words;                // of one row: [keys], as many as are drawn at once padded
};

// The block of queries from `first` on, `rows` of them padded to whole tiles.
struct Block {
  Block(std::int64_t first, std::int64_t length)
      : first(first),
        count(length - first < kBlock ? length - first : kBlock),
        rows(round_up(count, kProductRows)) {}
  std::int64_t first, count, rows;
};

// Keys that the products of row r's tile reach.
template <typename Compute>
std::int64_t reach(const Block& block, std::int64_t r) {
  return round_up(block.first + round_up(r + 1, kProductRows), kLanes<Compute>);
}

// scores [rows, keys] = left [rows, dim] times the transposed of what is in panels, as far as any
// query of a tile may look.
template <typename Compute>
void multiply_panels(const Workspace<Compute>& w, const Block& block, std::int64_t dim,
                     const Compute* left, const Compute* panels, Compute* scores) {
  for (std::int64_t f = 0; f < block.first + block.rows; f += kPanel<Compute>) {
    const Right<Compute> panel{panels + f * w.dim, kPanel<Compute>};
    for (std::int64_t r = 0; r < block.rows; r += kProductRows) {
      const std::int64_t keys = reach<Compute>(block, r) - f;
      if (keys <= 0) continue;
      multiply_columns<false>(Left<false, Compute>{left + r * w.dim, w.dim}, panel, dim,
                              Product<Compute>{scores + r * w.keys + f, w.keys, false},
                              keys < kPanel<Compute> ? keys : kPanel<Compute>);
    }
  }
}

// out [rows, dim] = weights [rows, keys] times w.rows [keys, dim], no query looking behind itself.
template <typename Compute>
void multiply_below_diagonal(const Workspace<Compute>& w, const Block& block,
                             const Compute* weights, Compute* out) {
  for (std::int64_t r = 0; r < block.rows; r += kProductRows) {
    multiply_columns<true>(Left<false, Compute>{weights + r * w.keys, w.keys},
                           Right<Compute>{w.rows, w.dim}, block.first + r + 1,
                           Product<Compute>{out + r * w.dim, w.dim, false}, w.dim);
  }
}

// out [keys, dim] += the transposed of weights [rows, keys] times right [rows, dim]; a key's tile
// begins at the first query that may see it.
template <typename Compute>
void add_transposed_product(const Workspace<Compute>& w, const Block& block, const Compute* weights,
                            const Compute* right, Compute* out) {
  for (std::int64_t f = 0; f < block.first + block.rows; f += kProductRows) {
    const std::int64_t r = f > block.first ? f - block.first : 0;
    multiply_columns<false>(Left<true, Compute>{weights + r * w.keys + f, w.keys},
                            Right<Compute>{right + r * w.dim, w.dim}, block.rows - r,
                            Product<Compute>{out + f * w.dim, w.dim, true}, w.dim);
  }
}

template <typename Compute>
void fill(Compute* row, std::int64_t begin, std::int64_t end, Compute value) {
  for (std::int64_t f = begin; f < end; ++f) row[f] = value;
}

// Zero where the word is below the threshold.
template <typename Compute>
void drop(const std::uint32_t* words, std::uint32_t threshold, std::int64_t count, Compute* row) {
  for (std::int64_t f = 0; f < count; ++f) row[f] = words[f] >= threshold ? row[f] : Compute(0);
}

template <typename Compute>
void draw_words(const PackedAttentionArguments& a, const Unit& u, std::int64_t t,
                std::int64_t count, const Workspace<Compute>& w) {
  philox_words(
      a.dropout_keys[u.expert],
      RowCounter{static_cast<std::uint32_t>(t), static_cast<std::uint32_t>(a.samples[u.begin]),
                 static_cast<std::uint32_t>(u.head)},
      count, w.words);
}

// row = exp(row - its largest), in place; the largest, and the sum of the exponentials. `keys` is a
// multiple of the vector.
template <typename Compute>
struct Softmax {
  Softmax(Compute* row, std::int64_t keys) {
    Vector<Compute> most = load_vector(row), total = {};
    for (std::int64_t f = kLanes<Compute>; f < keys; f += kLanes<Compute>) {
      const Vector<Compute> x = load_vector(row + f);
      most = x > most ? x : most;
    }
    largest = fold_lanes<Compute>(most, [](auto x, auto y) { return x > y ? x : y; });
    for (std::int64_t f = 0; f < keys; f += kLanes<Compute>) {
      const Vector<Compute> p = exponential(load_vector(row + f) - largest);
      total += p;
      store_vector(row + f, p);
    }
    sum = fold_lanes<Compute>(total, [](auto x, auto y) { return x + y; });
  }
  Compute largest, sum;
};

template <typename Scalar, typename Compute>
void forward_unit(const PackedAttentionArguments& a, const Unit& u, const Workspace<Compute>& w,
                  Scalar* out, Compute* log_sum_exp) {
  constexpr Compute kInfinity = __builtin_huge_val();
  const Scalar* qkv = static_cast<const Scalar*>(a.qkv);
  copy_rows<Scalar, Compute>(qkv + u.key, u.stride, u.length, a.dim, 1, w.rows, w.keys, w.dim);
  transpose_panels(w.rows, w.keys, w.dim, w.key_panels);
  copy_rows<Scalar, Compute>(qkv + u.value, u.stride, u.length, a.dim, 1, w.rows, w.keys, w.dim);
  for (std::int64_t first = 0; first < u.length; first += kBlock) {
    const Block block(first, u.length);
    copy_rows(qkv + u.query + first * u.stride, u.stride, block.count, a.dim,
              static_cast<Compute>(a.score_scale), w.query, block.rows, w.dim);
    multiply_panels(w, block, a.dim, w.query, w.key_panels, w.scores);
    Compute factors[kBlock];
    for (std::int64_t r = 0; r < block.count; ++r) {
      const std::int64_t t = first + r, keys = round_up(t + 1, kLanes<Compute>);
      Compute* row = w.scores + r * w.keys;
      fill(row, t + 1, keys, -kInfinity);
      const Softmax<Compute> softmax(row, keys);
      log_sum_exp[u.row + t * u.row_stride] = softmax.largest + logarithm(softmax.sum);
      factors[r] = 1 / softmax.sum;
      if (a.dropout_keys == nullptr) continue;
      draw_words(a, u, t, keys, w);
      drop(w.words, a.dropout_threshold, keys, row);
      factors[r] *= static_cast<Compute>(a.kept_scale);
    }
    multiply_below_diagonal(w, block, w.scores, w.out);
    for (std::int64_t r = 0; r < block.count; ++r) {
      store_rows(w.out + r * w.dim, w.dim, 1, a.dim, factors[r],
                 out + u.out + (first + r) * u.out_stride, u.out_stride);
    }
  }
}

// From a row of scores s and the derivatives by its kept probabilities g (dO V^T): the kept
// probabilities in place of s, the derivatives by the scores in place of g. Those are p (g - h), h
// being the sum over keys of p g.
template <typename Compute>
void differentiate_row(Compute* scores, Compute* derivatives, std::int64_t keys,
                       Compute log_sum_exp, const std::uint32_t* words, std::uint32_t threshold) {
  if (words != nullptr) drop(words, threshold, keys, derivatives);
  Vector<Compute> sum = {};
  for (std::int64_t f = 0; f < keys; f += kLanes<Compute>) {
    const Vector<Compute> p = exponential(load_vector(scores + f) - log_sum_exp);
    sum += p * load_vector(derivatives + f);
    store_vector(scores + f, p);
  }
  const Compute mean = fold_lanes<Compute>(sum, [](auto x, auto y) { return x + y; });
  for (std::int64_t f = 0; f < keys; f += kLanes<Compute>) {
    const Vector<Compute> g = load_vector(derivatives + f);
    store_vector(derivatives + f, load_vector(scores + f) * (g - mean));
  }
  if (words != nullptr) drop(words, threshold, keys, scores);
}

template <typename Scalar, typename Compute>
void backward_unit(const PackedAttentionArguments& a, const Unit& u, const Workspace<Compute>& w,
                   const Scalar* d_out, const Compute* log_sum_exp, Scalar* d_qkv) {
  constexpr Compute kInfinity = __builtin_huge_val();
  const bool drops = a.dropout_keys != nullptr;
  const Compute scale = static_cast<Compute>(a.score_scale);
  const Scalar* qkv = static_cast<const Scalar*>(a.qkv);
  copy_rows<Scalar, Compute>(qkv + u.value, u.stride, u.length, a.dim, 1, w.rows, w.keys, w.dim);
  transpose_panels(w.rows, w.keys, w.dim, w.value_panels);
  copy_rows<Scalar, Compute>(qkv + u.key, u.stride, u.length, a.dim, 1, w.rows, w.keys, w.dim);
  transpose_panels(w.rows, w.keys, w.dim, w.key_panels);
  fill_zero(w.d_key, w.keys * w.dim);
  fill_zero(w.d_value, w.keys * w.dim);
  for (std::int64_t first = 0; first < u.length; first += kBlock) {
    const Block block(first, u.length);
    // Scaled queries give scaled scores and the derivatives by the keys. The scale of what dropout
    // keeps goes with d_out into both products that need it.
    copy_rows(qkv + u.query + first * u.stride, u.stride, block.count, a.dim, scale, w.query,
              block.rows, w.dim);
    copy_rows(d_out + u.out + first * u.out_stride, u.out_stride, block.count, a.dim,
              static_cast<Compute>(a.kept_scale), w.d_out, block.rows, w.dim);
    multiply_panels(w, block, a.dim, w.query, w.key_panels, w.scores);
    multiply_panels(w, block, a.dim, w.d_out, w.value_panels, w.d_scores);
    for (std::int64_t r = 0; r < block.count; ++r) {
      const std::int64_t t = first + r, keys = reach<Compute>(block, r);
      Compute *scores = w.scores + r * w.keys, *d_scores = w.d_scores + r * w.keys;
      fill(scores, t + 1, keys, -kInfinity);
      fill(d_scores, t + 1, keys, Compute(0));
      if (drops) draw_words(a, u, t, keys, w);
      differentiate_row(scores, d_scores, keys, log_sum_exp[u.row + t * u.row_stride],
                        drops ? w.words : nullptr, a.dropout_threshold);
    }
    multiply_below_diagonal(w, block, w.d_scores, w.out);
    store_rows(w.out, w.dim, block.count, a.dim, scale, d_qkv + u.query + first * u.stride,
               u.stride);
    add_transposed_product(w, block, w.d_scores, w.query, w.d_key);
    add_transposed_product(w, block, w.scores, w.d_out, w.d_value);
  }
  store_rows<Scalar, Compute>(w.d_key, w.dim, u.length, a.dim, 1, d_qkv + u.key, u.stride);
  store_rows<Scalar, Compute>(w.d_value, w.dim, u.length, a.dim, 1, d_qkv + u.value, u.stride);
}

void forward_any(const PackedAttentionArguments& a, void* out, void* log_sum_exp, void* workspace,
                 std::int64_t begin, std::int64_t end) {
  with_scalar(a.type, [&](auto scalar) {
    using Scalar = decltype(scalar);
    using Compute = typename Traits<Scalar>::Compute;
    for (std::int64_t i = begin; i < end; ++i) {
      const Unit u = make_unit(a, i);
      forward_unit(a, u, Workspace<Compute>(workspace, u.length, a.dim), static_cast<Scalar*>(out),
                   static_cast<Compute*>(log_sum_exp));
    }
  });
}

void backward_any(const PackedAttentionArguments& a, const void* d_out, const void* log_sum_exp,
                  void* d_qkv, void* workspace, std::int64_t begin, std::int64_t end) {
  with_scalar(a.type, [&](auto scalar) {
    using Scalar = decltype(scalar);
    using Compute = typename Traits<Scalar>::Compute;
    for (std::int64_t i = begin; i < end; ++i) {
      const Unit u = make_unit(a, i);
      backward_unit(a, u, Workspace<Compute>(workspace, u.length, a.dim),
                    static_cast<const Scalar*>(d_out), static_cast<const Compute*>(log_sum_exp),
                    static_cast<Scalar*>(d_qkv));
    }
  });
}

}  // namespace

extern const PackedAttentionKernels kPackedAttentionKernels{forward_any, backward_any};

}  // namespace hgnn_moe::ops::HGNN_MOE_ISA
