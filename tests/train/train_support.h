// What the tests of training's parts share: a small model's parameters, gradients, a small run, a
// full disk.
#pragma once

#include <csignal>
#include <filesystem>
#include <string>
#include <vector>

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include "tests/base/test_support.h"

#include "hgnn_moe/config/train_config.h"
#include "hgnn_moe/model/parameter_list.h"

namespace hgnn_moe {

// A leaf with values spread over [-1, 1) that depend on `phase`.
inline at::Tensor make_leaf(at::IntArrayRef shape, double phase, at::ScalarType type = at::kFloat) {
  const at::Tensor index = at::arange(at::empty(shape).numel(), at::dtype(at::kDouble));
  return at::sin(index * 0.7 + phase).reshape(shape).to(type).requires_grad_(true);
}

inline ParameterList make_parameters(double phase = 0, at::ScalarType type = at::kFloat) {
  return {{"token_emb.weight", make_leaf({11, 4}, phase, type)},
          {"model_layers.0.coupler.hyperedge_weights", make_leaf({3}, phase + 1, type)},
          {"lm_head.bias", make_leaf({7}, phase + 2, type)}};
}

inline void set_gradients(const ParameterList& parameters, double phase) {
  for (const NamedParameter& parameter : parameters) {
    at::Tensor(parameter.tensor).mutable_grad() =
        make_leaf(parameter.tensor.sizes(), phase, parameter.tensor.scalar_type()).detach();
  }
}

// Bitwise, so that a NaN equals itself and -0 differs from 0.
inline bool same_bytes(const at::Tensor& a, const at::Tensor& b) {
  return a.sizes() == b.sizes() && a.scalar_type() == b.scalar_type() &&
         std::string_view(static_cast<const char*>(a.const_data_ptr()), a.nbytes()) ==
             std::string_view(static_cast<const char*>(b.const_data_ptr()), b.nbytes());
}

inline void expect_same_values(const ParameterList& a, const ParameterList& b) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].name, b[i].name);
    EXPECT_TRUE(same_bytes(a[i].tensor, b[i].tensor)) << a[i].name;
  }
}

// A model of two small experts on the data of that folder, read by the thread that trains.
inline TrainConfig small_run_on(const std::filesystem::path& data) {
  TrainConfig config;
  config.embed_dim = 16;
  config.num_layers = 1;
  config.num_heads = 2;
  config.num_experts = 2;
  config.max_seq_length = 16;
  config.vocab_size = 64;
  config.num_workers_dataloader = 0;
  config.quiet = true;
  config.dataset_name = data.string();
  return config;
}

// While it lives, writing beyond `bytes` of any file fails as on a full disk.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    previous_handler_ = std::signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &previous_);
    rlimit limit = previous_;
    limit.rlim_cur = bytes;
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    setrlimit(RLIMIT_FSIZE, &previous_);
    std::signal(SIGXFSZ, previous_handler_);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  rlimit previous_{};
  void (*previous_handler_)(int) = nullptr;
};

}  // namespace hgnn_moe
