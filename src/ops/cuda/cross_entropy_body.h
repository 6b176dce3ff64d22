// cross_entropy_rows (see cross_entropy_rows.h), a row of logits at a time.
#pragma once

#include "exponential.h"
#include "row_sums.h"

namespace hgnn_moe::ops::cuda {

template <typename Scalar>
struct CrossEntropyArguments {
  using Compute = ComputeOf<Scalar>;

  std::int64_t vocabulary;
  std::int64_t stride;  // between rows of logits, at least V rounded up to whole packs
  Scalar* logits;       // [K, V]: read, and overwritten by the gradient where that is asked for
  const Compute* bias;  // [V]
  const std::int64_t* targets;  // [K]
  const Compute* weights;       // [K], or null: 1
  Compute* losses;              // [K]
  bool gradient;
};

// A unit is a row. Each is read twice: for the sum of exponentials, kept by every thread relative
// to the largest logit that it has seen, and for the gradient.
template <typename ScalarType, int Lanes>
struct CrossEntropyBody {
  using Scalar = ScalarType;
  using Compute = ComputeOf<Scalar>;
  using Arguments = CrossEntropyArguments<Scalar>;

  Arguments a;
  Arena<Compute> arena;
  Compute* seen;  // [2, threads]: the largest logit of a thread, and its sum
  RowReduction<Compute, 1, Maximum> largest;
  RowSums<Compute, 1> sum;

  HGNN_MOE_HOST_DEVICE CrossEntropyBody(const Arguments& arguments, void* shared, int threads)
      : a(arguments),
        arena(shared),
        seen(arena.take(2 * threads)),
        largest(arena, threads),
        sum(arena, threads) {}

  static std::int64_t shared_elements(const Arguments& a, int threads) {
    return CrossEntropyBody(a, nullptr, threads).arena.used();
  }

  HGNN_MOE_HOST_DEVICE int phases() const { return 5; }
  HGNN_MOE_HOST_DEVICE int finish_phases() const { return 0; }
  HGNN_MOE_HOST_DEVICE void finish(int, std::int64_t, Thread) const {}

  HGNN_MOE_HOST_DEVICE void run(int phase, std::int64_t k, bool, Thread t) const {
    if (phase == 0) return read(k, t);
    if (phase == 1) return largest.combine(t);
    if (phase == 2) {
      const Compute mine = seen[t.index];
      // A thread without columns has seen nothing, and its sum is 0.
      const Compute factor =
          mine == Maximum::start<Compute>() ? Compute(0) : exponential(mine - largest.total(0));
      return sum.add(0, t, seen[t.count + t.index] * factor);
    }
    if (phase == 3) return sum.combine(t);
    write(k, t);
  }

 private:
  // Behind the vocabulary, where the last pack may end, the logits of what is never said.
  HGNN_MOE_HOST_DEVICE void logits_of(std::int64_t k, std::int64_t d,
                                      Compute (&logits)[Lanes]) const {
    load<Lanes>(a.logits + k * a.stride + d, logits);
    HGNN_MOE_UNROLL
    for (int l = 0; l < Lanes; ++l) {
      logits[l] = d + l < a.vocabulary ? logits[l] + a.bias[d + l] : Maximum::start<Compute>();
    }
  }

  HGNN_MOE_HOST_DEVICE void read(std::int64_t k, Thread t) const {
    Compute most = Maximum::start<Compute>(), total = 0;
    for_columns<Lanes>(a.vocabulary, t, [&](std::int64_t d) {
      Compute logits[Lanes];
      logits_of(k, d, logits);
      HGNN_MOE_UNROLL
      for (int l = 0; l < Lanes; ++l) {
        const Compute larger = Maximum::join(most, logits[l]);
        if (larger != most) {
          total *= most == Maximum::start<Compute>() ? Compute(0) : exponential(most - larger);
          most = larger;
        }
        total += exponential(logits[l] - most);
      }
    });
    seen[t.index] = most;
    seen[t.count + t.index] = total;
    largest.add(0, t, most);
  }

  HGNN_MOE_HOST_DEVICE void write(std::int64_t k, Thread t) const {
    const Compute log_sum_exp = largest.total(0) + logarithm(sum.total(0));
    const std::int64_t target = a.targets[k];
    const Compute weight = a.weights == nullptr ? Compute(1) : a.weights[k];
    for_columns<Lanes>(a.vocabulary, t, [&](std::int64_t d) {
      if (!a.gradient && (target < d || target >= d + Lanes)) return;
      Compute logits[Lanes];
      logits_of(k, d, logits);
      HGNN_MOE_UNROLL
      for (int l = 0; l < Lanes; ++l) {
        const bool is_target = d + l == target;
        if (is_target) a.losses[k] = weight * (log_sum_exp - logits[l]);
        logits[l] = weight * (exponential(logits[l] - log_sum_exp) - (is_target ? 1 : 0));
      }
      if (a.gradient) store<Lanes>(a.logits + k * a.stride + d, logits);
    });
  }
};

}  // namespace hgnn_moe::ops::cuda
