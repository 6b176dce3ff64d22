#include "token_chunks.h"

#include <ATen/ATen.h>
#include <ATen/core/ivalue.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>

#include "hgnn_moe/base/error.h"

namespace hgnn_moe {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct Call : torch::CustomClassHolder {
  Call(TokenFunction f, std::size_t num_tokens, std::int64_t chunk)
      : f(std::move(f)), num_tokens(num_tokens), chunk(chunk) {}

  TokenFunction f;
  std::size_t num_tokens;  // of the tensors that are by token; the shared ones follow
  std::int64_t chunk;
};

// Products of very few rows are computed by other routines, which round differently: the last chunk
// takes some tokens of the one before rather than being that small.
constexpr std::int64_t kFewestTokens = 16;

// Tokens of the chunk that starts where `left` are left.
std::int64_t chunk_size(std::int64_t chunk, std::int64_t left) {
  if (left <= chunk) return left;
  return left - chunk < kFewestTokens ? chunk - kFewestTokens : chunk;
}

std::vector<at::Tensor> narrow_all(const std::vector<at::Tensor>& tensors, std::int64_t first,
                                   std::int64_t count) {
  std::vector<at::Tensor> parts;
  for (const at::Tensor& tensor : tensors) parts.push_back(tensor.narrow(0, first, count));
  return parts;
}

// Copies that start a graph of their own.
std::vector<at::Tensor> as_leaves(const std::vector<at::Tensor>& tensors,
                                  const std::vector<at::Tensor>& like) {
  std::vector<at::Tensor> leaves;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    leaves.push_back(tensors[i].detach().requires_grad_(like[i].requires_grad()));
  }
  return leaves;
}

class InChunks : public torch::autograd::Function<InChunks> {
 public:
  static at::Tensor forward(AutogradContext* context, const c10::intrusive_ptr<Call>& call,
                            at::TensorList inputs) {
    context->save_for_backward(inputs.vec());
    context->saved_data["call"] = c10::IValue::make_capsule(call);
    const auto middle = inputs.begin() + static_cast<std::ptrdiff_t>(call->num_tokens);
    const variable_list tokens(inputs.begin(), middle), shared(middle, inputs.end());
    const std::int64_t count = tokens.front().size(0);
    std::vector<at::Tensor> outputs;
    for (std::int64_t first = 0, size = 0; first < count; first += size) {
      size = chunk_size(call->chunk, count - first);
      outputs.push_back(call->f(narrow_all(tokens, first, size), shared));
    }
    return at::cat(outputs);
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto capsule = context->saved_data["call"].toCapsule();
    const auto* call = static_cast<const Call*>(capsule.get());
    const variable_list saved = context->get_saved_variables();
    const auto middle = saved.begin() + static_cast<std::ptrdiff_t>(call->num_tokens);
    const variable_list tokens(saved.begin(), middle), shared(middle, saved.end());
    const std::int64_t count = tokens.front().size(0);
    variable_list d_inputs(saved.size());
    for (std::int64_t first = 0, size = 0; first < count; first += size) {
      size = chunk_size(call->chunk, count - first);
      add_chunk(*call, tokens, shared, first, size, gradients[0].narrow(0, first, size), d_inputs);
    }
    d_inputs.insert(d_inputs.begin(), at::Tensor());  // of the call
    return d_inputs;
  }

 private:
  // What f does not depend on keeps no gradient, as in one call: an optimizer leaves it as it is.
  static void add_chunk(const Call& call, const variable_list& tokens, const variable_list& shared,
                        std::int64_t first, std::int64_t size, const at::Tensor& d_output,
                        variable_list& d_inputs) {
    const at::AutoGradMode enabled(true);
    const variable_list chunk = as_leaves(narrow_all(tokens, first, size), tokens);
    const variable_list common = as_leaves(shared, shared);
    const at::Tensor output = call.f(chunk, common);
    variable_list inputs;
    std::vector<std::size_t> places;  // of them in d_inputs
    for (std::size_t i = 0; i < d_inputs.size(); ++i) {
      const bool by_token = i < tokens.size();
      const at::Tensor& leaf = by_token ? chunk[i] : common[i - tokens.size()];
      if (!leaf.requires_grad()) continue;
      inputs.push_back(leaf);
      places.push_back(i);
    }
    const variable_list d = torch::autograd::grad({output}, inputs, {d_output},
                                                  /*retain_graph=*/false, /*create_graph=*/false,
                                                  /*allow_unused=*/true);
    const at::NoGradGuard no_grad;
    for (std::size_t i = 0; i < d.size(); ++i) {
      if (!d[i].defined()) continue;
      const bool by_token = places[i] < tokens.size();
      at::Tensor& sum = d_inputs[places[i]];
      if (!sum.defined()) {
        sum = at::zeros_like(by_token ? tokens[places[i]] : shared[places[i] - tokens.size()]);
      }
      (by_token ? sum.narrow(0, first, size) : sum).add_(d[i]);
    }
  }
};

}  // namespace

at::Tensor run_in_chunks(const TokenFunction& f, const std::vector<at::Tensor>& tokens,
                         const std::vector<at::Tensor>& shared, std::int64_t chunk) {
  if (chunk == 0 || tokens.front().size(0) <= chunk) return f(tokens, shared);
  HGNN_MOE_ASSERT(chunk >= kSmallestCouplerChunk, "chunks of {} tokens", chunk);
  variable_list inputs = tokens;
  inputs.insert(inputs.end(), shared.begin(), shared.end());
  return InChunks::apply(c10::make_intrusive<Call>(f, tokens.size(), chunk),
                         at::TensorList(inputs));
}

}  // namespace hgnn_moe
