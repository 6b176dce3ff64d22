// A run on synthetic data that is small enough to be planned and opened in a test.
#pragma once

#include "hgnn_moe/config/train_config.h"

namespace hgnn_moe {

inline TrainConfig small_synthetic_run() {
  TrainConfig config;
  config.synthetic_data = true;
  config.vocab_size = 64;
  config.embed_dim = 16;
  config.num_layers = 2;
  config.max_seq_length = 24;
  config.num_train_samples = 50;
  config.batch_size = 8;
  return config;
}

}  // namespace hgnn_moe
