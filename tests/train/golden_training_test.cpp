// Five steps of training against torch.optim.AdamW, clip_grad_norm_ and the oracle's model.

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <gtest/gtest.h>

#include "tests/support/golden_model.h"

#include "hgnn_moe/train/optimizer.h"
#include "hgnn_moe/train/schedule.h"

namespace hgnn_moe {
namespace {

using testing::close;
using testing::golden_config;
using testing::golden_names;
using testing::GoldenFile;
using testing::next_token_loss;
using testing::read_golden;

ScheduleConfig golden_schedule(const GoldenFile& golden) {
  EXPECT_EQ(golden.metadata.at("lr_schedule"), "cosine");
  return {LrSchedule::cosine, std::stod(golden.metadata.at("base_learning_rate")),
          std::stoll(golden.metadata.at("warmup_steps")), std::stoll(golden.metadata.at("steps"))};
}

TEST(GoldenTraining, LossesRatesNormsAndParametersEqualTheOracles) {
  for (const std::string& name : golden_names("train-")) {
    SCOPED_TRACE(name);
    const GoldenFile golden = read_golden(name);
    const LanguageModel model(golden_config(golden), 1, at::kDouble, at::kCPU);
    ASSERT_NO_FATAL_FAILURE(testing::copy_golden_parameters(golden, model));
    AdamW optimizer(model.parameters(),
                    {0.9, 0.999, 1e-8, std::stod(golden.metadata.at("weight_decay"))});
    const ScheduleConfig schedule = golden_schedule(golden);
    const double clip = std::stod(golden.metadata.at("grad_clip"));
    for (std::int64_t step = 0; step < schedule.total_steps; ++step) {
      SCOPED_TRACE(step);
      for (const NamedParameter& parameter : model.parameters()) {
        at::Tensor tensor = parameter.tensor;
        tensor.mutable_grad().reset();
      }
      const at::Tensor loss =
          next_token_loss(model, golden.at("tokens")[step], golden.at("lengths")[step], {});
      loss.backward();
      const at::Tensor norm = gradient_norm(model.parameters());
      const double rate = learning_rate_at(step, schedule);
      optimizer.step(rate, clip_scale(norm, clip));
      // Rounding of the model, grown by at most five updates.
      EXPECT_NEAR(loss.item<double>(), golden.at("loss")[step].item<double>(), 1e-10);
      EXPECT_NEAR(norm.item<double>(), golden.at("grad_norm")[step].item<double>(), 1e-10);
      EXPECT_NEAR(rate, golden.at("learning_rate")[step].item<double>(), 1e-15);
    }
    for (const NamedParameter& parameter : model.parameters()) {
      // A key bias has a gradient of rounding alone, which Adam scales to its full rate.
      if (parameter.name.find("in_proj_bias") != std::string::npos) continue;
      EXPECT_TRUE(close(parameter.tensor, golden.at("final." + parameter.name), 1e6))
          << parameter.name;
    }
  }
}

TEST(GoldenTraining, ParametersThatTheForwardPassNeverUsesStayUntouched) {
  const GoldenFile golden = read_golden("train-gnn-e1.safetensors");
  const Json unused = parse_json(golden.metadata.at("unused_parameters"), "golden", ExitCode::data);
  ASSERT_GT(unused.size(), 0u);
  for (const Json& name : unused) {
    EXPECT_TRUE(at::equal(golden.at("param." + name.get<std::string>()),
                          golden.at("final." + name.get<std::string>())))
        << name;
  }
}

}  // namespace
}  // namespace hgnn_moe
