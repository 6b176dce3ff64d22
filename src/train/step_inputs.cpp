#include "hgnn_moe/train/step_inputs.h"

#include <algorithm>

#include <ATen/ATen.h>

#include "hgnn_moe/base/error.h"

namespace hgnn_moe {

namespace {

constexpr std::int64_t kPaddingToken = 0;  // any id of the vocabulary

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

StepLayout::StepLayout(const Bucket& bucket, std::int64_t max_length, std::int64_t layers,
                       std::int64_t experts)
    : bucket_(bucket), max_length_(max_length), layers_(layers), experts_(experts) {
  std::int64_t next = 0;
  const auto take = [&](std::int64_t words) {
    const std::int64_t taken = next;
    next += words;
    return taken;
  };
  tokens_ = take(bucket.tokens);
  positions_ = take(bucket.tokens);
  samples_ = take(bucket.tokens);
  rows_ = take(bucket.tokens);
  targets_ = take(bucket.tokens);
  weights_ = take(words_of_floats(bucket.tokens));
  offsets_ = take(bucket.samples + 1);
  indices_ = take(bucket.samples);
  keys_ = take(layers_ == 0 ? 0 : StepKeys::count(layers_, experts_));
  scalars_ = take(words_of_floats(2));
  end_ = next;
}

void StepLayout::write(const data::Batch& batch, const StepValues& values,
                       std::int64_t* words) const {
  HGNN_MOE_ASSERT(batch.real_tokens <= bucket_.tokens && batch.size <= bucket_.samples,
                  "{} tokens of {} samples for a bucket of {} of {}", batch.real_tokens, batch.size,
                  bucket_.tokens, bucket_.samples);
  std::int64_t n = 0;
  for (std::int64_t b = 0; b < batch.size; ++b) {
    words[offsets_ + b] = n;
    words[indices_ + b] = values.first_index + b;
    for (std::int64_t t = 0; t < batch.lengths[b]; ++t, ++n) {
      const std::int64_t target = batch.targets[b * batch.length + t];
      const bool is_target = target != data::kNoTarget;
      words[tokens_ + n] = batch.tokens[b * batch.length + t];
      words[positions_ + n] = t;
      words[samples_ + n] = values.first_index + b;
      words[rows_ + n] = b;
      words[targets_ + n] = is_target ? target : kPaddingToken;
      floats(words + weights_)[n] = is_target ? 1.0f : 0.0f;
    }
  }
  write_padding(n, batch.size, values, words);
  HGNN_MOE_ASSERT(static_cast<std::int64_t>(values.keys.size()) == scalars_ - keys_,
                  "{} dropout keys for {} words", values.keys.size(), scalars_ - keys_);
  std::copy(values.keys.begin(), values.keys.end(), words + keys_);
  floats(words + scalars_)[0] = static_cast<float>(values.loss_scale);
  floats(words + scalars_)[1] = static_cast<float>(values.learning_rate);
}

// Samples of T tokens and, where none are left, of none.
void StepLayout::write_padding(std::int64_t first_token, std::int64_t first_row,
                               const StepValues& values, std::int64_t* words) const {
  std::int64_t n = first_token;
  for (std::int64_t b = first_row; b < bucket_.samples; ++b) {
    words[offsets_ + b] = n;
    words[indices_ + b] = values.first_index + b;
    for (std::int64_t t = 0; t < max_length_ && n < bucket_.tokens; ++t, ++n) {
      words[tokens_ + n] = kPaddingToken;
      words[positions_ + n] = t;
      words[samples_ + n] = values.first_index + b;
      words[rows_ + n] = b;
      words[targets_ + n] = kPaddingToken;
      floats(words + weights_)[n] = 0.0f;
    }
  }
  HGNN_MOE_ASSERT(n == bucket_.tokens, "{} samples hold {} of {} tokens", bucket_.samples, n,
                  bucket_.tokens);
  words[offsets_ + bucket_.samples] = n;
}

StepTensors StepLayout::view(const at::Tensor& words) const {
  const auto integers = [&](std::int64_t first, std::int64_t count) {
    return words.narrow(0, first, count);
  };
  const auto real_numbers = [&](std::int64_t first, std::int64_t count) {
    return words.narrow(0, first, words_of_floats(count)).view(at::kFloat).narrow(0, 0, count);
  };
  StepTensors tensors;
  tensors.tokens_N = integers(tokens_, bucket_.tokens);
  tensors.samples.offsets_B1 = integers(offsets_, bucket_.samples + 1);
  tensors.samples.positions_N = integers(positions_, bucket_.tokens);
  tensors.samples.samples_N = integers(samples_, bucket_.tokens);
  tensors.samples.max_length = max_length_;
  tensors.samples.sample_indices_B = integers(indices_, bucket_.samples);
  tensors.samples.rows_N = integers(rows_, bucket_.tokens);
  tensors.targets_N = integers(targets_, bucket_.tokens);
  tensors.weights_N = real_numbers(weights_, bucket_.tokens);
  if (layers_ > 0) {
    tensors.keys = StepKeys::view(integers(keys_, scalars_ - keys_), layers_, experts_);
  }
  const at::Tensor scalars = real_numbers(scalars_, 2);
  tensors.loss_scale = scalars[0];
  tensors.learning_rate = scalars[1];
  return tensors;
}

}  // namespace hgnn_moe
