// What queued steps report, one step late, and what a step that is not finite leaves.
#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "src/train/direct_steps.h"
#include "src/train/queued_steps.h"
#include "tests/train/host_queue.h"
#include "tests/train/step_runs.h"
#include "tests/train/train_support.h"

#include "hgnn_moe/base/error.h"

namespace hgnn_moe {
namespace {

// One model whose steps are queued and not captured.
class OneModel : public ::testing::Test {
 protected:
  OneModel()
      : model_(step_model(step_model_config(CouplerType::hgnn), at::kFloat, at::kCPU)),
        optimizer_(model_.parameters(), {}),
        config_(config_of(1, 0.0)),
        steps_(model_, optimizer_, config_, kLimits, false, std::make_unique<HostQueue>()) {}

  std::optional<StepReport> start(std::int64_t step, const data::Batch& batch) {
    return steps_.start(plan_of(step, {batch}), {batch});
  }
  // Token `id` is in no batch but those that hold it.
  void spoil(std::int64_t id, float value) {
    const c10::NoGradGuard no_grad;
    at::Tensor(model_.parameters()[0].tensor)[id].fill_(value);
  }
  ParameterList everything() const {
    ParameterList all = copies(optimizer_.state());
    for (const NamedParameter& p : copies(model_.parameters())) all.push_back(p);
    return all;
  }

  LanguageModel model_;
  AdamW optimizer_;
  TrainConfig config_;
  QueuedSteps steps_;
};

TEST_F(OneModel, AStepIsReportedWhenTheNextIsQueued) {
  const data::Batch batch = step_batch({5, 7}, 1);
  EXPECT_EQ(start(0, batch), std::nullopt);
  EXPECT_EQ(start(1, batch)->plan.step, 0);
  EXPECT_EQ(start(2, batch)->plan.step, 1);
  EXPECT_EQ(steps_.finish()->plan.step, 2);
  EXPECT_EQ(steps_.finish(), std::nullopt);
  EXPECT_EQ(start(3, batch), std::nullopt) << "nothing is left to report";
  const auto report = steps_.finish();
  EXPECT_EQ(report->plan.step, 3);
  EXPECT_GT(report->forward_seconds, 0.0);
  EXPECT_GT(report->backward_seconds, 0.0);
  EXPECT_GT(report->optimizer_seconds, 0.0);
  EXPECT_GE(*report->busy_seconds, report->forward_seconds + report->backward_seconds);
}

// Not even by the step that was queued before the host knew.
TEST_F(OneModel, ALossThatIsNotFiniteChangesNothing) {
  spoil(20, std::numeric_limits<float>::quiet_NaN());
  data::Batch poisoned = step_batch({5, 7}, 1), clean = poisoned;
  for (std::int64_t& id : clean.tokens) id = std::min<std::int64_t>(id, 19);
  for (std::int64_t& id : poisoned.tokens) id = std::min<std::int64_t>(id, 19);
  poisoned.tokens[0] = 20;
  start(0, clean);
  EXPECT_TRUE(std::isfinite(steps_.finish()->loss));
  const ParameterList before = everything();
  EXPECT_EQ(start(1, poisoned), std::nullopt);
  const auto report = start(2, clean);
  EXPECT_EQ(report->plan.step, 1);
  EXPECT_FALSE(report->is_finite());
  EXPECT_NE(message_of_error(ExitCode::diverged, [&] { check_finite(*report); })
                .find("step 2: the loss is nan"),
            std::string::npos);
  steps_.finish();
  expect_same_values(everything(), before);
}

TEST_F(OneModel, ANormThatIsNotFiniteChangesNothing) {
  model_.parameters()[3].tensor.register_hook([](const at::Tensor& gradient) {
    return gradient.mul(std::numeric_limits<double>::infinity());
  });
  const ParameterList before = everything();
  start(0, step_batch({5, 7}, 1));
  const auto report = steps_.finish();
  EXPECT_TRUE(std::isfinite(report->loss));
  EXPECT_NE(message_of_error(ExitCode::diverged, [&] { check_finite(*report); })
                .find("step 1: the gradient's norm is"),
            std::string::npos);
  expect_same_values(everything(), before);
}

// On a CPU a step that is not finite changes nothing either, though its first micro-batch is.
TEST_F(OneModel, DirectStepsAreLeftOutToo) {
  DirectSteps direct(model_, optimizer_, config_, kLimits);
  spoil(20, std::numeric_limits<float>::infinity());
  data::Batch clean = step_batch({5, 7}, 1);
  for (std::int64_t& id : clean.tokens) id = std::min<std::int64_t>(id, 19);
  data::Batch poisoned = clean;
  poisoned.tokens[0] = 20;
  const std::vector<data::Batch> batches{clean, poisoned};
  const ParameterList before = everything();
  EXPECT_FALSE(direct.start(plan_of(0, batches), batches)->is_finite());
  expect_same_values(everything(), before);
}

}  // namespace
}  // namespace hgnn_moe
