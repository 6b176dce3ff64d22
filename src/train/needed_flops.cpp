#include "hgnn_moe/train/needed_flops.h"

#include <algorithm>
#include <iterator>

#include "hgnn_moe/base/error.h"

namespace hgnn_moe {

namespace {

constexpr double kForwardAndBackward = 3.0;

// The letters of the formulas.
struct Sizes {
  double d, e, g, v, l, n, r, pairs;  // pairs: sum of t (t + 1) / 2
};

Sizes sizes_of(const ModelConfig& model, const data::Batch& batch) {
  const auto number = [](std::int64_t x) { return static_cast<double>(x); };
  Sizes s{number(model.embed_dim),      number(model.num_experts),
          number(model.coupler_layers), number(model.vocab_size),
          number(model.num_layers),     number(batch.real_tokens),
          number(batch.real_targets),   0.0};
  for (const std::int64_t t : batch.lengths) s.pairs += number(t) * number(t + 1) / 2;
  return s;
}

double coupler_flops(const ModelConfig& model, const Sizes& s) {
  const double combiner = 2 * s.d * s.d * s.n;
  switch (model.coupler_type) {
    case CouplerType::none:
      return 0.0;
    case CouplerType::mean:
      return combiner;
    case CouplerType::gnn:
      // One expert has no neighbour: nothing but its own transform is computed.
      if (model.num_experts == 1) return combiner + s.g * 2 * s.d * s.d * s.n;
      return combiner + s.g * (4 * s.d * s.d + 2 * s.e * s.d + 4 * s.d) * s.e * s.n;
    case CouplerType::hgnn:
      break;
  }
  if (model.hypergraph_is_empty()) return combiner;
  const double readout = 2 * s.e * s.d * s.n;
  const double layers = model.can_collapse() ? 2 * s.g * s.d * s.d * std::min(s.n, s.d)
                                             : s.g * (2 * s.d * s.d + 2 * s.e * s.d) * s.e * s.n;
  return combiner + readout + layers;
}

struct Peak {
  const char* name;         // part of the device's name
  double bf16, tf32, fp32;  // TFLOP/s
};

// NVIDIA's data sheets, dense products (half of the figures with sparsity), accumulated in fp32.
// The first part that a name holds counts, so the special forms stand first.
constexpr Peak kPeaks[] = {{"H100 PCIe", 756.0, 378.0, 51.2},
                           {"H100 NVL", 835.5, 417.5, 60.0},
                           {"H100", 989.4, 494.7, 66.9},
                           {"H200 NVL", 835.5, 417.5, 60.0},
                           {"GH200", 989.4, 494.7, 66.9},
                           {"H200", 989.4, 494.7, 66.9},
                           {"B200", 2250.0, 1125.0, 75.0},
                           {"A100", 312.0, 156.0, 19.5},
                           {"A40", 149.7, 74.8, 37.4},
                           {"A30", 165.0, 82.0, 10.3},
                           {"A10", 125.0, 62.5, 31.2},
                           {"L40S", 362.0, 183.0, 91.6},
                           {"L4", 121.0, 60.0, 30.3},
                           {"GeForce RTX 4090", 165.2, 82.6, 82.6},
                           {"GeForce RTX 3090", 71.0, 35.6, 35.6}};

// Whether `word` stands in `name` as whole words: an A10 is no A100.
bool holds(const std::string& name, const std::string& word) {
  const auto is_end = [&](std::size_t at) {
    return at >= name.size() || name[at] == ' ' || name[at] == '-';
  };
  for (std::size_t at = name.find(word); at != std::string::npos; at = name.find(word, at + 1)) {
    if ((at == 0 || is_end(at - 1)) && is_end(at + word.size())) return true;
  }
  return false;
}

// Of other devices that have such a name in theirs.
constexpr const char* kOtherForms[] = {"Laptop", "D", "Ti", "SUPER", "MIG"};

bool is_another_form(const std::string& name) {
  return std::any_of(std::begin(kOtherForms), std::end(kOtherForms),
                     [&](const char* form) { return holds(name, form); });
}

}  // namespace

double needed_flops(const ModelConfig& model, const data::Batch& batch) {
  const Sizes s = sizes_of(model, batch);
  const double layer =
      24 * s.e * s.d * s.d * s.n + 4 * s.e * s.d * s.pairs + coupler_flops(model, s);
  return kForwardAndBackward * (s.l * layer + 2 * s.d * s.v * s.r);
}

std::optional<double> peak_flops(const std::string& device_name, Precision precision) {
  if (is_another_form(device_name)) return std::nullopt;
  for (const Peak& peak : kPeaks) {
    if (!holds(device_name, peak.name)) continue;
    const double tera = precision == Precision::bf16   ? peak.bf16
                        : precision == Precision::tf32 ? peak.tf32
                                                       : peak.fp32;
    return 1e12 * tera;
  }
  return std::nullopt;
}

}  // namespace hgnn_moe
