#include "hgnn_moe/train/step_inputs.h"

#include <algorithm>

#include <ATen/ATen.h>

#include "hgnn_moe/base/error.h"
#include "hgnn_moe/train/buckets.h"

namespace hgnn_moe {

namespace {

std::int64_t words_of_floats(std::int64_t count) { return (count + 1) / 2; }

float* floats(std::int64_t* words) { return reinterpret_cast<float*>(words); }

}  // namespace

at::Tensor padded_loss(const LanguageModel& model, const StepTensors& tensors,
                       ForwardContext context) {
  context.keys = tensors.keys;
  const at::Tensor hidden_ND = model.hidden(tensors.tokens_N, tensors.samples, context);
  const at::Tensor weights_N = tensors.weights_N.to(hidden_ND.scalar_type());
  return model.loss(hidden_ND, tensors.targets_N, 1.0, weights_N) * tensors.loss_scale;
}

StepLayout::StepLayout(const StepShape& shape, std::int64_t layers, std::int64_t experts)
    : shape_(shape), layers_(layers), experts_(experts) {
  HGNN_MOE_ASSERT(shape.tokens <= shape.samples * shape.max_length, "{} tokens in {} x {}",
                  shape.tokens, shape.samples, shape.max_length);
  std::int64_t next = 0;
  const auto take = [&](std::int64_t words) {
    const std::int64_t taken = next;
    next += words;
    return taken;
  };
  tokens_ = take(shape.tokens);
  positions_ = take(shape.tokens);
  samples_ = take(shape.tokens);
  rows_ = take(shape.tokens);
  targets_ = take(shape.tokens);
  weights_ = take(words_of_floats(shape.tokens));
  offsets_ = take(shape.samples + 1);
  indices_ = take(shape.samples);
  keys_ = take(layers_ == 0 ? 0 : StepKeys::count(layers_, experts_));
  scalars_ = take(words_of_floats(2));
  end_ = next;
}

void StepLayout::write(const data::Batch& batch, const StepValues& values,
                       std::int64_t* words) const {
  HGNN_MOE_ASSERT(batch.real_tokens <= shape_.tokens && batch.size <= shape_.samples,
                  "{} tokens of {} samples where {} of {} have room", batch.real_tokens, batch.size,
                  shape_.tokens, shape_.samples);
  std::vector<std::int64_t> real_lengths = batch.lengths;
  real_lengths.resize(static_cast<std::size_t>(shape_.samples), 0);
  const std::vector<std::int64_t> lengths =
      padded_lengths(real_lengths, shape_.tokens - batch.real_tokens, shape_.max_length);
  std::int64_t n = 0;
  for (std::int64_t b = 0; b < shape_.samples; ++b) {
    const std::int64_t real = real_lengths[b], length = lengths[b];
    words[offsets_ + b] = n;
    words[indices_ + b] = values.first_index + b;
    for (std::int64_t t = 0; t < length; ++t, ++n) {
      const std::int64_t i = b * batch.length + t;
      const bool is_target = t < real && batch.targets[i] != data::kNoTarget;
      words[tokens_ + n] = t < real ? batch.tokens[i] : kPaddingToken;
      words[positions_ + n] = t;
      words[samples_ + n] = values.first_index + b;
      words[rows_ + n] = b;
      words[targets_ + n] = is_target ? batch.targets[i] : kPaddingToken;
      floats(words + weights_)[n] = is_target ? 1.0f : 0.0f;
    }
  }
  words[offsets_ + shape_.samples] = n;
  HGNN_MOE_ASSERT(n == shape_.tokens, "{} of {} tokens", n, shape_.tokens);
  HGNN_MOE_ASSERT(static_cast<std::int64_t>(values.keys.size()) == scalars_ - keys_,
                  "{} dropout keys for {} words", values.keys.size(), scalars_ - keys_);
  std::copy(values.keys.begin(), values.keys.end(), words + keys_);
  floats(words + scalars_)[0] = static_cast<float>(values.loss_scale);
  floats(words + scalars_)[1] = static_cast<float>(values.learning_rate);
}

StepTensors StepLayout::view(const at::Tensor& words) const {
  const auto integers = [&](std::int64_t first, std::int64_t count) {
    return words.narrow(0, first, count);
  };
  const auto real_numbers = [&](std::int64_t first, std::int64_t count) {
    return words.narrow(0, first, words_of_floats(count)).view(at::kFloat).narrow(0, 0, count);
  };
  StepTensors tensors;
  tensors.tokens_N = integers(tokens_, shape_.tokens);
  tensors.samples.offsets_B1 = integers(offsets_, shape_.samples + 1);
  tensors.samples.positions_N = integers(positions_, shape_.tokens);
  tensors.samples.samples_N = integers(samples_, shape_.tokens);
  tensors.samples.max_length = shape_.max_length;
  tensors.samples.sample_indices_B = integers(indices_, shape_.samples);
  tensors.samples.rows_N = integers(rows_, shape_.tokens);
  tensors.targets_N = integers(targets_, shape_.tokens);
  tensors.weights_N = real_numbers(weights_, shape_.tokens);
  if (layers_ > 0) {
    tensors.keys = StepKeys::view(integers(keys_, scalars_ - keys_), layers_, experts_);
  }
  const at::Tensor scalars = real_numbers(scalars_, 2);
  tensors.loss_scale = scalars[0];
  tensors.learning_rate = scalars[1];
  return tensors;
}

}  // namespace hgnn_moe
