// Kernels as plain code: what one thread of a block does in each phase, between which all threads
// of the block wait for each other. The same bodies run on a GPU (launch.cuh) and, so that machines
// without one test indices, tails and the order of phases, on the CPU (host_launch.h). No header of
// CUDA or LibTorch is included here.
//
// A body is a struct made from its arguments and the block's shared memory, with
//   int phases() const;                   of every token, or int phases(std::int64_t token) const
//   void run(int phase, std::int64_t token, bool is_first, Thread) const;
//   int finish_phases() const;            of the block, after its last token
//   void finish(int phase, std::int64_t block, Thread) const;
// All that lasts from one phase to the next is in shared memory. A phase never reads what another
// thread writes in it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#ifdef __CUDACC__
#define HGNN_MOE_HOST_DEVICE __host__ __device__ __forceinline__
#define HGNN_MOE_UNROLL _Pragma("unroll")
#else
#define HGNN_MOE_HOST_DEVICE inline
#define HGNN_MOE_UNROLL
#endif

namespace hgnn_moe::ops::cuda {

struct Thread {
  int index, count;  // in its block
};

// The phases of one token, by whichever of the two a body has; the last argument picks it.
template <typename Body>
HGNN_MOE_HOST_DEVICE auto phases_of(const Body& body, std::int64_t token, int)
    -> decltype(body.phases(token)) {
  return body.phases(token);
}
template <typename Body>
HGNN_MOE_HOST_DEVICE int phases_of(const Body& body, std::int64_t, long) {
  return body.phases();
}

// bfloat16 in memory; computed with as float.
struct Bf16 {
  std::uint16_t bits;
};

template <typename Scalar>
struct Traits {
  using Compute = Scalar;
};
template <>
struct Traits<Bf16> {
  using Compute = float;
};
template <typename Scalar>
using ComputeOf = typename Traits<Scalar>::Compute;

HGNN_MOE_HOST_DEVICE double value(double x) { return x; }
HGNN_MOE_HOST_DEVICE float value(float x) { return x; }
HGNN_MOE_HOST_DEVICE float value(Bf16 x) {
  const std::uint32_t bits = static_cast<std::uint32_t>(x.bits) << 16;
  float result;
  memcpy(&result, &bits, sizeof result);
  return result;
}

HGNN_MOE_HOST_DEVICE void assign(double& to, double x) { to = x; }
HGNN_MOE_HOST_DEVICE void assign(float& to, float x) { to = x; }
// To nearest, ties to even; any NaN becomes the quiet one.
HGNN_MOE_HOST_DEVICE void assign(Bf16& to, float x) {
  std::uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  to.bits = x != x ? std::uint16_t{0x7FC0}
                   : static_cast<std::uint16_t>((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
}

// One load or store of up to 16 bytes.
template <typename Scalar, int Lanes>
struct alignas(sizeof(Scalar) * Lanes) Pack {
  Scalar lane[Lanes];
};

// Hands out shared memory, all of one type; made of null, it only counts.
template <typename Compute>
class Arena {
 public:
  HGNN_MOE_HOST_DEVICE explicit Arena(void* memory) : first_(static_cast<Compute*>(memory)) {}

  HGNN_MOE_HOST_DEVICE Compute* take(std::int64_t count) {
    Compute* taken = first_ == nullptr ? nullptr : first_ + used_;
    used_ += count;
    return taken;
  }
  HGNN_MOE_HOST_DEVICE std::int64_t used() const { return used_; }

 private:
  Compute* first_;
  std::int64_t used_ = 0;
};

}  // namespace hgnn_moe::ops::cuda
