// Rows of any length in whole vectors: where a row ends within one, only its first lanes are read
// and written, and all of them compute.
#pragma once

#include "vector.h"

namespace hgnn_moe::ops::HGNN_MOE_ISA {

struct AllLanes {
  template <typename Scalar>
  auto load(const Scalar* p) const {
    return load_vector(p);
  }
  template <typename Scalar, typename V>
  void store(Scalar* p, V v) const {
    store_vector(p, v);
  }
  template <typename Scalar, typename V>
  void store_as_cast(Scalar* p, V v) const {
    store_vector_as_cast(p, v);
  }
  template <typename V>
  V only(V v) const {
    return v;
  }
};

struct FirstLanes {
  std::int64_t count;

  // Zeros behind them.
  template <typename Scalar>
  auto load(const Scalar* p) const {
    Scalar lanes[kLanes<typename Traits<Scalar>::Compute>] = {};
    std::memcpy(lanes, p, static_cast<std::size_t>(count) * sizeof(Scalar));
    return load_vector(lanes);
  }
  template <typename Scalar, typename V>
  void store(Scalar* p, V v) const {
    Scalar lanes[kLanes<typename Traits<Scalar>::Compute>];
    store_vector(lanes, v);
    std::memcpy(p, lanes, static_cast<std::size_t>(count) * sizeof(Scalar));
  }
  template <typename Scalar, typename V>
  void store_as_cast(Scalar* p, V v) const {
    Scalar lanes[kLanes<typename Traits<Scalar>::Compute>];
    store_vector_as_cast(lanes, v);
    std::memcpy(p, lanes, static_cast<std::size_t>(count) * sizeof(Scalar));
  }
  // v with zeros behind them.
  template <typename V>
  V only(V v) const {
    V result = {};
    std::memcpy(&result, &v, static_cast<std::size_t>(count) * sizeof(v[0]));
    return result;
  }
};

// Calls f(first element, lanes) for every vector of a row.
template <typename Compute, typename F>
inline void for_each_vector(std::int64_t dim, F f) {
  std::int64_t d = 0;
  for (; d + kLanes<Compute> <= dim; d += kLanes<Compute>) f(d, AllLanes{});
  if (d < dim) f(d, FirstLanes{dim - d});
}

}  // namespace hgnn_moe::ops::HGNN_MOE_ISA
