// The golden models on a GPU, in float64.

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "tests/support/golden_model.h"
#include "tests/support/gpu.h"

namespace hgnn_moe {
namespace {

using testing::close;
using testing::golden_config;
using testing::golden_names;
using testing::GoldenFile;
using testing::read_golden;

class LanguageModelGpu : public testing::GpuTest {};

TEST_F(LanguageModelGpu, EqualsThePyTorchOracle) {
  for (const std::string& name : golden_names("model-")) {
    SCOPED_TRACE(name);
    const GoldenFile golden = read_golden(name);
    const LanguageModel model(golden_config(golden), 1, at::kDouble, at::kCUDA);
    ASSERT_NO_FATAL_FAILURE(testing::copy_golden_parameters(golden, model));
    const at::Tensor tokens_BT = golden.at("tokens").to(at::kCUDA);
    const at::Tensor logits_BTV = model.logits(model.hidden(tokens_BT, {}));
    for (std::int64_t b = 0; b < tokens_BT.size(0); ++b) {
      const auto length = golden.at("lengths")[b].item<std::int64_t>();
      EXPECT_TRUE(close(logits_BTV[b].narrow(0, 0, length),
                        golden.at("logits")[b].narrow(0, 0, length), 1e4));
    }
  }
}

}  // namespace
}  // namespace hgnn_moe
