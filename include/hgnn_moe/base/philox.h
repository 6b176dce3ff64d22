// Counter-based random numbers: Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy
// as 1, 2, 3", SC 2011). A draw is a pure function of (key, counter), so it never depends on
// history, threads, padding or ranks. constexpr throughout: the CUDA kernels call the same code.
#pragma once

#include <cstdint>

namespace hgnn_moe {

struct PhiloxBlock {
  std::uint32_t v[4];
};

// Ten rounds of Philox4x32 on `counter` under the 64-bit `key`.
constexpr PhiloxBlock philox(std::uint64_t key, PhiloxBlock counter) {
  std::uint32_t k0 = static_cast<std::uint32_t>(key);
  std::uint32_t k1 = static_cast<std::uint32_t>(key >> 32);
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t product0 = static_cast<std::uint64_t>(0xD2511F53u) * counter.v[0];
    const std::uint64_t product1 = static_cast<std::uint64_t>(0xCD9E8D57u) * counter.v[2];
    counter = PhiloxBlock{{static_cast<std::uint32_t>(product1 >> 32) ^ counter.v[1] ^ k0,
                           static_cast<std::uint32_t>(product1),
                           static_cast<std::uint32_t>(product0 >> 32) ^ counter.v[3] ^ k1,
                           static_cast<std::uint32_t>(product0)}};
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return counter;
}

// The key of an independent stream: `purpose` keeps data order, initial values, dropout and
// sampling apart; `a` and `b` are what the stream depends on (epoch, step, site ...).
enum class RandomPurpose : std::uint32_t {
  data_subset,
  data_order,
  init,
  dropout,
  sampling,
  generated_graph,
  node_subset,
  graph_split,
  edge_order,
  neighbor_sampling,
  negative_sampling,
  contrast_sampling,
  edge_shuffle,
};

constexpr std::uint64_t philox_stream_key(std::uint64_t seed, RandomPurpose purpose,
                                          std::uint64_t a, std::uint32_t b = 0) {
  const PhiloxBlock block =
      philox(seed, PhiloxBlock{{static_cast<std::uint32_t>(a), static_cast<std::uint32_t>(a >> 32),
                                b, static_cast<std::uint32_t>(purpose)}});
  return static_cast<std::uint64_t>(block.v[1]) << 32 | block.v[0];
}

}  // namespace hgnn_moe
