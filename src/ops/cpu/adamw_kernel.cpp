#include "adamw_kernel.h"

#include "lanes.h"

namespace hgnn_moe::ops::HGNN_MOE_ISA {

namespace {

template <typename Compute>
void update(const AdamWShared& shared, const AdamWArrays& p, std::int64_t begin, std::int64_t end) {
  const auto scale = static_cast<Compute>(shared.gradient_scale);
  const auto kept = static_cast<Compute>(shared.kept);
  // 1 - beta is rounded once, not computed from a rounded beta.
  const auto new_share = static_cast<Compute>(1.0 - shared.beta1);
  const auto beta2 = static_cast<Compute>(shared.beta2);
  const auto new_square_share = static_cast<Compute>(1.0 - shared.beta2);
  const auto epsilon = static_cast<Compute>(shared.epsilon);
  const auto step_size = static_cast<Compute>(p.step_size);
  const auto reciprocal_root = static_cast<Compute>(p.reciprocal_root);
  Compute* value = static_cast<Compute*>(p.value) + begin;
  const Compute* gradient = static_cast<const Compute*>(p.gradient) + begin;
  Compute* exp_avg = static_cast<Compute*>(p.exp_avg) + begin;
  Compute* exp_avg_sq = static_cast<Compute*>(p.exp_avg_sq) + begin;
  Bf16* rounded = p.rounded == nullptr ? nullptr : static_cast<Bf16*>(p.rounded) + begin;
  for_each_vector<Compute>(end - begin, [&](std::int64_t i, auto lanes) {
    const Vector<Compute> g = scale * lanes.load(gradient + i);
    const Vector<Compute> old_m = lanes.load(exp_avg + i);
    const Vector<Compute> m = old_m + new_share * (g - old_m);
    const Vector<Compute> v = beta2 * lanes.load(exp_avg_sq + i) + new_square_share * g * g;
    const Vector<Compute> divisor = square_root(v) * reciprocal_root + epsilon;
    const Vector<Compute> x = kept * lanes.load(value + i) - step_size * m / divisor;
    lanes.store(exp_avg + i, m);
    lanes.store(exp_avg_sq + i, v);
    lanes.store(value + i, x);
    if constexpr (sizeof(Compute) == sizeof(float)) {
      if (rounded != nullptr) lanes.store_as_cast(rounded + i, x);
    }
  });
}

template <typename Compute>
double sum_of_squares(const Compute* x, std::int64_t count) {
  // As many sums as hide the latency of an addition.
  constexpr int kSums = 4;
  constexpr std::int64_t kStep = kSums * kLanes<double>;
  Doubles sums[kSums] = {};
  std::int64_t i = 0;
  for (; i + kStep <= count; i += kStep) {
#pragma GCC unroll 4
    for (int s = 0; s < kSums; ++s) {
      const Doubles v = load_doubles(x + i + s * kLanes<double>);
      sums[s] += v * v;
    }
  }
  double sum = sum_of_lanes<double>((sums[0] + sums[1]) + (sums[2] + sums[3]));
  for (; i < count; ++i) sum += static_cast<double>(x[i]) * static_cast<double>(x[i]);
  return sum;
}

void update_any(const AdamWShared& shared, const AdamWArrays& arrays, std::int64_t begin,
                std::int64_t end) {
  if (shared.type == KernelType::float64) return update<double>(shared, arrays, begin, end);
  update<float>(shared, arrays, begin, end);
}

double sum_of_squares_any(KernelType type, const void* x, std::int64_t begin, std::int64_t end) {
  if (type == KernelType::float64) {
    return sum_of_squares(static_cast<const double*>(x) + begin, end - begin);
  }
  return sum_of_squares(static_cast<const float*>(x) + begin, end - begin);
}

}  // namespace

extern const AdamWKernels kAdamWKernels{update_any, sum_of_squares_any};

}  // namespace hgnn_moe::ops::HGNN_MOE_ISA
