#include "profile_cost.h"

#include <algorithm>
#include <set>
#include <string_view>

namespace hgnn_moe {

namespace {

using Sizes = std::vector<std::int64_t>;

bool starts_with(std::string_view text, std::string_view prefix) {
  return text.substr(0, prefix.size()) == prefix;
}

bool ends_with(std::string_view text, std::string_view suffix) {
  return text.size() >= suffix.size() && text.substr(text.size() - suffix.size()) == suffix;
}

double count(const Sizes& sizes) {
  double product = 1.0;
  for (const std::int64_t size : sizes) product *= static_cast<double>(size);
  return product;
}

double bytes_of(const ProfiledTensor& tensor) {
  return static_cast<double>(tensor.stored) * static_cast<double>(tensor.item_bytes);
}

double bytes_of(const ProfiledInput& input) {
  double sum = 0.0;
  for (const ProfiledTensor& tensor : input.tensors) sum += bytes_of(tensor);
  return sum;
}

// Input `i` where it is one tensor, else null.
const ProfiledTensor* tensor_at(const ProfiledEvent& event, std::size_t i) {
  if (i >= event.inputs.size() || event.inputs[i].tensors.size() != 1) return nullptr;
  return &event.inputs[i].tensors.front();
}

double bytes_at(const ProfiledEvent& event, std::size_t i) {
  return i < event.inputs.size() ? bytes_of(event.inputs[i]) : 0.0;
}

double bytes_of_inputs(const ProfiledEvent& event) {
  double sum = 0.0;
  for (const ProfiledInput& input : event.inputs) sum += bytes_of(input);
  return sum;
}

bool is_product(const std::string& name) {
  static const std::set<std::string> names = {"aten::mm",    "aten::addmm",   "aten::addmm_",
                                              "aten::bmm",   "aten::baddbmm", "aten::baddbmm_",
                                              "aten::addmv", "aten::addmv_"};
  return names.count(name) > 0;
}

bool is_ours(const std::string& name) { return starts_with(name, "hgnn_moe::"); }

bool is_attention(const std::string& name) {
  return starts_with(name, "aten::_scaled_dot_product_");
}

// The first of the two factors of a matrix product.
std::size_t first_factor(const std::string& name) {
  return name == "aten::mm" || name == "aten::bmm" ? 0 : 1;
}

ProfiledCost product_cost(const ProfiledEvent& event) {
  ProfiledCost cost{static_cast<double>(event.flops), bytes_of_inputs(event)};
  const std::size_t first = first_factor(event.name);
  const ProfiledTensor *a = tensor_at(event, first), *b = tensor_at(event, first + 1);
  if (a == nullptr || b == nullptr || a->sizes.empty() || b->sizes.empty()) return cost;
  Sizes out(a->sizes.begin(), a->sizes.end() - 1);
  const bool by_vector = b->sizes.size() == 1;
  if (!by_vector) out.push_back(b->sizes.back());
  if (!event.has_output) cost.bytes += count(out) * static_cast<double>(a->item_bytes);
  // The profiler knows neither products with a vector nor those in place.
  if (cost.flops == 0.0)
    cost.flops = 2.0 * count(a->sizes) * (by_vector ? 1.0 : static_cast<double>(out.back()));
  return cost;
}

// What one product of packed_attention computes: of T x T a causal one needs half. The operation
// records the sum of T^2 over its samples behind its tensors, of which the first is [N, E, A, d].
double packed_product_flops(const ProfiledEvent& event) {
  const ProfiledTensor* heads = tensor_at(event, 0);
  const std::vector<std::int64_t>& squares = event.inputs.back().integers;
  if (heads == nullptr || heads->sizes.size() != 4 || squares.empty()) return 0.0;
  const Sizes features(heads->sizes.begin() + 1, heads->sizes.end());
  return static_cast<double>(squares.front()) * count(features);
}

// The formulas of docs/usage.md, for x [N, E, D].
ProfiledCost cost_of_ours(const ProfiledEvent& event) {
  ProfiledCost cost{0.0, bytes_of_inputs(event)};
  const auto output = [&](std::size_t like) { cost.bytes += bytes_at(event, like); };
  const ProfiledTensor *first = tensor_at(event, 0), *second = tensor_at(event, 1);
  const auto elements = [](const ProfiledTensor* x) { return count(x->sizes); };
  const auto experts = [](const ProfiledTensor* x) {
    return x->sizes.size() == 3 ? static_cast<double>(x->sizes[1]) : 0.0;
  };
  if (event.name == "hgnn_moe::counter_dropout") output(0);
  if (first == nullptr || second == nullptr) return cost;
  if (event.name == "hgnn_moe::expert_mix") {  // mixing [R, E] or [N, R, E], x [N, E, D]
    if (first->sizes.size() < 2 || experts(second) == 0.0) return cost;
    const auto rows = static_cast<double>(first->sizes[first->sizes.size() - 2]);
    cost.flops = 2.0 * rows * elements(second);
    cost.bytes += bytes_of(*second) / experts(second) * rows;
  } else if (event.name == "hgnn_moe::expert_mix_mixing_gradient") {  // d_out [N, R, D], mixing, x
    const ProfiledTensor* x = tensor_at(event, 2);
    if (x == nullptr) return cost;
    cost.flops = 2.0 * experts(first) * elements(x);
    output(1);
  } else if (event.name == "hgnn_moe::hypergraph_mix") {  // x, incidence, weights, bias
    cost.flops = 2.0 * experts(first) * elements(first);
    output(0);
  } else if (event.name == "hgnn_moe::hypergraph_mix_gradient") {  // d_out, x, incidence, weights
    cost.flops = 4.0 * experts(second) * elements(second);
    output(1);
    output(6);
  } else if (event.name == "hgnn_moe::gnn_message") {  // x, weight, bias, adjacency
    cost.flops = (4.0 + 2.0 * experts(first)) * elements(first);
    output(0);
  } else if (event.name == "hgnn_moe::gnn_message_gradient") {  // d_out, x, the parameters
    cost.flops = (12.0 + 4.0 * experts(second)) * elements(second);
    for (const std::size_t like : {1, 2, 3, 4}) output(like);
  } else if (event.name == "hgnn_moe::packed_attention") {
    cost.flops = 2.0 * packed_product_flops(event);
  } else if (event.name == "hgnn_moe::packed_attention_gradient") {
    cost.flops = 5.0 * packed_product_flops(event);
  }
  return cost;
}

// Causal: half of the T x T products. The backward pass has five of them, the forward pass two.
ProfiledCost attention_cost(const ProfiledEvent& event) {
  ProfiledCost cost{0.0, bytes_of_inputs(event)};
  const bool backward = ends_with(event.name, "_backward");
  const ProfiledTensor* q = tensor_at(event, backward ? 1 : 0);  // [B, A, T, d]
  if (q == nullptr || q->sizes.size() != 4) return cost;
  cost.flops = (backward ? 5.0 : 2.0) * count(q->sizes) * static_cast<double>(q->sizes[2]);
  cost.bytes += (backward ? 3.0 : 1.0) * bytes_of(*q);
  return cost;
}

// What remains of the first input's sizes after a reduction over the dimensions of its integers;
// without any, one element.
double reduced_bytes(const ProfiledEvent& event) {
  const ProfiledTensor* x = tensor_at(event, 0);
  if (x == nullptr) return 0.0;
  Sizes sizes = x->sizes;
  const auto rank = static_cast<std::int64_t>(sizes.size());
  const std::size_t at = event.name == "aten::linalg_vector_norm" ? 2 : 1;
  bool any = false;
  if (at < event.inputs.size()) {
    for (const std::int64_t dim : event.inputs[at].integers) {
      if (dim < -rank || dim >= rank) continue;
      sizes[static_cast<std::size_t>(dim < 0 ? dim + rank : dim)] = 1;
      any = true;
    }
  }
  return (any ? count(sizes) : 1.0) * static_cast<double>(x->item_bytes);
}

// As all single tensors broadcast; where they do not, as the largest.
double broadcast_bytes(const ProfiledEvent& event) {
  Sizes out;
  std::int64_t item_bytes = 0;
  double largest = 0.0;
  bool matches = true;
  for (const ProfiledInput& input : event.inputs) {
    if (input.tensors.size() != 1) continue;
    const ProfiledTensor& tensor = input.tensors.front();
    if (item_bytes == 0) item_bytes = tensor.item_bytes;
    largest = std::max(largest, count(tensor.sizes));
    if (tensor.sizes.size() > out.size()) {
      out.insert(out.begin(), tensor.sizes.size() - out.size(), 1);
    }
    const std::size_t offset = out.size() - tensor.sizes.size();
    for (std::size_t i = 0; i < tensor.sizes.size(); ++i) {
      std::int64_t& size = out[offset + i];
      if (size == 1) {
        size = tensor.sizes[i];
      } else if (tensor.sizes[i] != 1 && tensor.sizes[i] != size) {
        matches = false;
      }
    }
  }
  return (matches ? count(out) : largest) * static_cast<double>(item_bytes);
}

bool is_reduction(const std::string& name) {
  static const std::set<std::string> names = {"aten::sum", "aten::linalg_vector_norm", "aten::amax",
                                              "aten::prod", "aten::norm"};
  return names.count(name) > 0;
}

double regular_bytes(const ProfiledEvent& event) {
  const std::string& name = event.name;
  if (event.has_output) return bytes_of_inputs(event);
  if (is_reduction(name)) return bytes_at(event, 0) + reduced_bytes(event);
  // The rows that an index names are read, or read and written, not the whole table.
  if (name == "aten::index_select") {
    const ProfiledTensor *table = tensor_at(event, 0), *index = tensor_at(event, 2);
    if (table == nullptr || index == nullptr || table->sizes.empty()) return 0.0;
    const std::int64_t dim =
        event.inputs[1].integers.empty() ? 0 : event.inputs[1].integers.front();
    const auto rows = static_cast<double>(table->sizes[static_cast<std::size_t>(
        std::clamp<std::int64_t>(dim, 0, static_cast<std::int64_t>(table->sizes.size()) - 1))]);
    const double row = rows > 0.0 ? count(table->sizes) / rows : 0.0;
    return bytes_of(*index) +
           2.0 * row * count(index->sizes) * static_cast<double>(table->item_bytes);
  }
  if (name == "aten::scatter_add_") return bytes_at(event, 2) + 3.0 * bytes_at(event, 3);
  if (name == "aten::nll_loss_forward" || name == "aten::nll_loss_backward") {
    const std::size_t target = name == "aten::nll_loss_forward" ? 1 : 2;
    const ProfiledTensor *table = tensor_at(event, target - 1), *index = tensor_at(event, target);
    if (table == nullptr || index == nullptr) return 0.0;
    return bytes_of(*index) + 2.0 * count(index->sizes) * static_cast<double>(table->item_bytes);
  }
  const double bytes = bytes_of_inputs(event);
  if (name == "aten::copy_") return bytes;  // its first input is its output, and not read
  if (name == "aten::cat") return 2.0 * bytes;
  if (starts_with(name, "aten::_fused_adam")) {  // parameters, gradients, both moments, ..., steps
    return bytes + bytes_at(event, 0) + bytes_at(event, 2) + bytes_at(event, 3);
  }
  if (ends_with(name, "_")) return bytes + bytes_at(event, 0);
  return bytes + broadcast_bytes(event);
}

}  // namespace

ProfiledRole role_of(const ProfiledEvent& event) {
  if (event.kind != ProfiledKind::operation) return ProfiledRole::none;
  static const std::set<std::string> free = {"aten::_local_scalar_dense",
                                             "aten::_unsafe_view",
                                             "aten::alias",
                                             "aten::as_strided",
                                             "aten::chunk",
                                             "aten::contiguous",
                                             "aten::detach",
                                             "aten::detach_",
                                             "aten::empty",
                                             "aten::empty_like",
                                             "aten::empty_strided",
                                             "aten::expand",
                                             "aten::expand_as",
                                             "aten::flatten",
                                             "aten::full",
                                             "aten::is_nonzero",
                                             "aten::item",
                                             "aten::lift_fresh",
                                             "aten::narrow",
                                             "aten::new_empty",
                                             "aten::new_empty_strided",
                                             "aten::new_zeros",
                                             "aten::ones",
                                             "aten::ones_like",
                                             "aten::permute",
                                             "aten::reshape",
                                             "aten::resize_",
                                             "aten::resolve_conj",
                                             "aten::resolve_neg",
                                             "aten::result_type",
                                             "aten::select",
                                             "aten::slice",
                                             "aten::split",
                                             "aten::squeeze",
                                             "aten::t",
                                             "aten::to",
                                             "aten::transpose",
                                             "aten::type_as",
                                             "aten::unbind",
                                             "aten::unsqueeze",
                                             "aten::view",
                                             "aten::view_as",
                                             "aten::zeros",
                                             "aten::zeros_like",
                                             "detach"};
  const std::string& name = event.name;
  if (free.count(name) > 0) return ProfiledRole::none;
  if (name == "aten::fill_" || name == "aten::zero_") return ProfiledRole::fill;
  if (is_product(name) || is_ours(name) || is_attention(name)) return ProfiledRole::kernel;
  return ProfiledRole::regular;
}

ProfiledCost cost_of(const ProfiledEvent& event) {
  if (is_product(event.name)) return product_cost(event);
  if (is_ours(event.name)) return cost_of_ours(event);
  if (is_attention(event.name)) return attention_cost(event);
  if (role_of(event) == ProfiledRole::fill) return {0.0, bytes_at(event, 0)};
  return {0.0, regular_bytes(event)};
}

}  // namespace hgnn_moe
