#include "expert_block_kernel.h"

#include "dropout_rows.h"
#include "gelu.h"
#include "norm_rows.h"
#include "rows.h"

namespace hgnn_moe::ops::HGNN_MOE_ISA {

namespace {

// Calls f(row, n, e) for every row of [N, E, ...] that belongs to the tokens begin to end.
template <typename F>
inline void for_each_row(std::int64_t experts, std::int64_t begin, std::int64_t end, F f) {
  for (std::int64_t n = begin; n < end; ++n) {
    for (std::int64_t e = 0; e < experts; ++e) f(n * experts + e, n, e);
  }
}

template <bool kDrop>
struct Drop {
  static constexpr bool value = kDrop;
};

// Calls f with a value of P, the element type of products, and with whether elements are dropped.
template <typename Arguments, typename F>
inline void with_scalar_and_drop(const Arguments& a, F f) {
  with_scalar(a.type, [&](auto s) {
    a.dropout.keys != nullptr ? f(s, Drop<true>{}) : f(s, Drop<false>{});
  });
}

template <typename Scalar, typename Compute = typename Traits<Scalar>::Compute>
void residual_norm(const ResidualNormArguments& a, std::int64_t begin, std::int64_t end) {
  const auto* gammas = static_cast<const Compute*>(a.gamma);
  const auto* betas = static_cast<const Compute*>(a.beta);
  for_each_row(a.experts, begin, end, [&](std::int64_t row, std::int64_t n, std::int64_t e) {
    const Compute* x = static_cast<const Compute*>(a.x) + n * a.dim;
    const Scalar* y = static_cast<const Scalar*>(a.y) + row * a.dim;
    const Compute* bias = static_cast<const Compute*>(a.bias) + e * a.dim;
    const Compute *gamma = gammas + e * a.dim, *beta = betas + e * a.dim;
    Compute* h = static_cast<Compute*>(a.h) + row * a.dim;
    Scalar* z = static_cast<Scalar*>(a.z) + row * a.dim;
    Vector<Compute> sum = {};
    for_each_vector<Compute>(a.dim, [&](std::int64_t d, auto lanes) {
      const Vector<Compute> v = lanes.load(x + d) + lanes.load(y + d) + lanes.load(bias + d);
      lanes.store(h + d, v);
      sum += v;
    });
    const auto statistics = row_statistics(h, sum, a.dim);
    static_cast<Compute*>(a.mean)[row] = statistics.mean;
    static_cast<Compute*>(a.reciprocal)[row] = statistics.reciprocal;
    for_each_vector<Compute>(a.dim, [&](std::int64_t d, auto lanes) {
      const Vector<Compute> xhat = statistics.normalise(lanes.load(h + d));
      lanes.store(z + d, xhat * lanes.load(gamma + d) + lanes.load(beta + d));
    });
  });
}

template <typename Scalar, typename Compute = typename Traits<Scalar>::Compute>
void residual_norm_gradient(const ResidualNormGradientArguments& a, void* sums, std::int64_t begin,
                            std::int64_t end) {
  auto* all_sums = static_cast<Compute*>(sums);
  const std::int64_t size = a.experts * a.dim;
  for_each_row(a.experts, begin, end, [&](std::int64_t row, std::int64_t n, std::int64_t e) {
    const Compute* d_h = static_cast<const Compute*>(a.d_h) + row * a.dim;
    const Scalar* d_z = static_cast<const Scalar*>(a.d_z) + row * a.dim;
    const Compute* h = static_cast<const Compute*>(a.h) + row * a.dim;
    const Compute* gamma = static_cast<const Compute*>(a.gamma) + e * a.dim;
    const RowStatistics<Compute> statistics{static_cast<const Compute*>(a.mean)[row],
                                            static_cast<const Compute*>(a.reciprocal)[row]};
    Scalar* d_y = static_cast<Scalar*>(a.d_y) + row * a.dim;
    Compute* d_x = static_cast<Compute*>(a.d_x) + n * a.dim;
    Compute* d_bias = all_sums + e * a.dim;
    Compute *d_gamma = d_bias + size, *d_beta = d_gamma + size;
    differentiate_norm(
        h, statistics, a.dim,
        [&](std::int64_t d, auto lanes) { return lanes.load(d_z + d) * lanes.load(gamma + d); },
        [&](std::int64_t d, auto lanes, Vector<Compute> xhat) {
          const Vector<Compute> dz = lanes.load(d_z + d);
          add_to(lanes, d_gamma + d, dz * xhat);
          add_to(lanes, d_beta + d, dz);
        },
        [&](std::int64_t d, auto lanes, Vector<Compute> through_norm) {
          const Vector<Compute> total = lanes.load(d_h + d) + through_norm;
          lanes.store(d_y + d, total);
          add_to(lanes, d_x + d, total);
          add_to(lanes, d_bias + d, total);
        });
  });
}

template <typename Scalar, typename Compute = typename Traits<Scalar>::Compute>
void norm(const NormArguments& a, std::int64_t begin, std::int64_t end) {
  for (std::int64_t n = begin; n < end; ++n) {
    const Compute* x = static_cast<const Compute*>(a.x) + n * a.dim;
    Scalar* xhat = static_cast<Scalar*>(a.xhat) + n * a.dim;
    Vector<Compute> sum = {};
    for_each_vector<Compute>(a.dim, [&](std::int64_t d, auto lanes) { sum += lanes.load(x + d); });
    const auto statistics = row_statistics(x, sum, a.dim);
    static_cast<Compute*>(a.mean)[n] = statistics.mean;
    static_cast<Compute*>(a.reciprocal)[n] = statistics.reciprocal;
    for_each_vector<Compute>(a.dim, [&](std::int64_t d, auto lanes) {
      lanes.store(xhat + d, statistics.normalise(lanes.load(x + d)));
    });
  }
}

template <typename Scalar, typename Compute = typename Traits<Scalar>::Compute>
void norm_gradient(const NormGradientArguments& a, std::int64_t begin, std::int64_t end) {
  for (std::int64_t n = begin; n < end; ++n) {
    const Scalar* d_xhat = static_cast<const Scalar*>(a.d_xhat) + n * a.dim;
    Compute* d_x = static_cast<Compute*>(a.d_x) + n * a.dim;
    const RowStatistics<Compute> statistics{static_cast<const Compute*>(a.mean)[n],
                                            static_cast<const Compute*>(a.reciprocal)[n]};
    differentiate_norm(
        static_cast<const Compute*>(a.x) + n * a.dim, statistics, a.dim,
        [&](std::int64_t d, auto lanes) { return lanes.load(d_xhat + d); },
        [](std::int64_t, auto, Vector<Compute>) {},
        [&](std::int64_t d, auto lanes, Vector<Compute> through_norm) {
          add_to(lanes, d_x + d, through_norm);
        });
  }
}

template <typename Scalar, bool kDrop, typename Compute = typename Traits<Scalar>::Compute>
void gelu_dropout(const GeluDropoutArguments& a, void* out, std::int64_t begin, std::int64_t end) {
  for_each_row(a.experts, begin, end, [&](std::int64_t row, std::int64_t n, std::int64_t e) {
    const Scalar* u = static_cast<const Scalar*>(a.u) + row * a.dim;
    const Compute* bias = static_cast<const Compute*>(a.bias) + e * a.dim;
    Scalar* g = static_cast<Scalar*>(out) + row * a.dim;
    for_each_kept<Compute, kDrop>(
        a.dropout, n, e, a.dim, [&](std::int64_t f, auto lanes, const auto& keep) {
          lanes.store(g + f, keep(gelu(lanes.load(u + f) + lanes.load(bias + f))));
        });
  });
}

template <typename Scalar, bool kDrop, typename Compute = typename Traits<Scalar>::Compute>
void gelu_dropout_gradient(const GeluDropoutArguments& a, const void* gradient, void* out,
                           void* sums, std::int64_t begin, std::int64_t end) {
  for_each_row(a.experts, begin, end, [&](std::int64_t row, std::int64_t n, std::int64_t e) {
    const Scalar* u = static_cast<const Scalar*>(a.u) + row * a.dim;
    const Compute* bias = static_cast<const Compute*>(a.bias) + e * a.dim;
    const Scalar* d_g = static_cast<const Scalar*>(gradient) + row * a.dim;
    Scalar* d_u = static_cast<Scalar*>(out) + row * a.dim;
    Compute* d_bias = static_cast<Compute*>(sums) + e * a.dim;
    for_each_kept<Compute, kDrop>(
        a.dropout, n, e, a.dim, [&](std::int64_t f, auto lanes, const auto& keep) {
          const Vector<Compute> slope = gelu_derivative(lanes.load(u + f) + lanes.load(bias + f));
          const Vector<Compute> d = keep(lanes.load(d_g + f)) * slope;
          lanes.store(d_u + f, d);
          add_to(lanes, d_bias + f, d);
        });
  });
}

template <typename Scalar, bool kDrop, typename Compute = typename Traits<Scalar>::Compute>
void dropout_residual(const DropoutResidualArguments& a, std::int64_t begin, std::int64_t end) {
  for_each_row(a.experts, begin, end, [&](std::int64_t row, std::int64_t n, std::int64_t e) {
    const Compute* h = static_cast<const Compute*>(a.h) + row * a.dim;
    const Scalar* y = static_cast<const Scalar*>(a.y) + row * a.dim;
    const Compute* bias = static_cast<const Compute*>(a.bias) + e * a.dim;
    Compute* out = static_cast<Compute*>(a.out) + row * a.dim;
    for_each_kept<Compute, kDrop>(
        a.dropout, n, e, a.dim, [&](std::int64_t d, auto lanes, const auto& keep) {
          lanes.store(out + d, lanes.load(h + d) + keep(lanes.load(y + d) + lanes.load(bias + d)));
        });
  });
}

template <typename Scalar, bool kDrop, typename Compute = typename Traits<Scalar>::Compute>
void dropout_residual_gradient(const DropoutResidualGradientArguments& a, void* sums,
                               std::int64_t begin, std::int64_t end) {
  for_each_row(a.experts, begin, end, [&](std::int64_t row, std::int64_t n, std::int64_t e) {
    const Compute* d_out = static_cast<const Compute*>(a.d_out) + row * a.dim;
    Scalar* d_y = static_cast<Scalar*>(a.d_y) + row * a.dim;
    Compute* d_bias = static_cast<Compute*>(sums) + e * a.dim;
    for_each_kept<Compute, kDrop>(a.dropout, n, e, a.dim,
                                  [&](std::int64_t d, auto lanes, const auto& keep) {
                                    const Vector<Compute> kept = keep(lanes.load(d_out + d));
                                    lanes.store(d_y + d, kept);
                                    add_to(lanes, d_bias + d, kept);
                                  });
  });
}

template <typename Scalar, typename Compute = typename Traits<Scalar>::Compute>
void scale_columns(const ScaleColumnsArguments& a, std::int64_t begin, std::int64_t end) {
  for (std::int64_t row = begin; row < end; ++row) {
    const Compute* weight = static_cast<const Compute*>(a.weight) + row * a.dim;
    const Compute* gamma = static_cast<const Compute*>(a.gamma) + row / a.rows * a.dim;
    Scalar* out = static_cast<Scalar*>(a.out) + row * a.dim;
    for_each_vector<Compute>(a.dim, [&](std::int64_t d, auto lanes) {
      lanes.store_as_cast(out + d, lanes.load(weight + d) * lanes.load(gamma + d));
    });
  }
}

void residual_norm_any(const ResidualNormArguments& a, std::int64_t begin, std::int64_t end) {
  with_scalar(a.type, [&](auto s) { residual_norm<decltype(s)>(a, begin, end); });
}

void residual_norm_gradient_any(const ResidualNormGradientArguments& a, void* sums,
                                std::int64_t begin, std::int64_t end) {
  with_scalar(a.type, [&](auto s) { residual_norm_gradient<decltype(s)>(a, sums, begin, end); });
}

void norm_any(const NormArguments& a, std::int64_t begin, std::int64_t end) {
  with_scalar(a.type, [&](auto s) { norm<decltype(s)>(a, begin, end); });
}

void norm_gradient_any(const NormGradientArguments& a, std::int64_t begin, std::int64_t end) {
  with_scalar(a.type, [&](auto s) { norm_gradient<decltype(s)>(a, begin, end); });
}

void gelu_dropout_any(const GeluDropoutArguments& a, void* g, std::int64_t begin,
                      std::int64_t end) {
  with_scalar_and_drop(a, [&](auto s, auto drop) {
    gelu_dropout<decltype(s), decltype(drop)::value>(a, g, begin, end);
  });
}

void gelu_dropout_gradient_any(const GeluDropoutArguments& a, const void* d_g, void* d_u,
                               void* sums, std::int64_t begin, std::int64_t end) {
  with_scalar_and_drop(a, [&](auto s, auto drop) {
    gelu_dropout_gradient<decltype(s), decltype(drop)::value>(a, d_g, d_u, sums, begin, end);
  });
}

void dropout_residual_any(const DropoutResidualArguments& a, std::int64_t begin, std::int64_t end) {
  with_scalar_and_drop(a, [&](auto s, auto drop) {
    dropout_residual<decltype(s), decltype(drop)::value>(a, begin, end);
  });
}

void dropout_residual_gradient_any(const DropoutResidualGradientArguments& a, void* sums,
                                   std::int64_t begin, std::int64_t end) {
  with_scalar_and_drop(a, [&](auto s, auto drop) {
    dropout_residual_gradient<decltype(s), decltype(drop)::value>(a, sums, begin, end);
  });
}

void scale_columns_any(const ScaleColumnsArguments& a, std::int64_t begin, std::int64_t end) {
  with_scalar(a.type, [&](auto s) { scale_columns<decltype(s)>(a, begin, end); });
}

}  // namespace

extern const ExpertBlockKernels kExpertBlockKernels{
    residual_norm_any,
    residual_norm_gradient_any,
    norm_any,
    norm_gradient_any,
    gelu_dropout_any,
    gelu_dropout_gradient_any,
    dropout_residual_any,
    dropout_residual_gradient_any,
    scale_columns_any,
};

}  // namespace hgnn_moe::ops::HGNN_MOE_ISA
