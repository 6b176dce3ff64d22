// Queued steps on a GPU: captured, uncaptured and the CPU's agree, and none waits for the device.
#include <ATen/ATen.h>
#include <c10/util/Exception.h>
#include <gtest/gtest.h>

#include "src/train/direct_steps.h"
#include "src/train/queued_steps.h"
#include "tests/support/gpu.h"
#include "tests/train/step_cases.h"
#include "tests/train/step_runs.h"

#include "hgnn_moe/train/buckets.h"

namespace hgnn_moe {
namespace {

const c10::Device kGpu(c10::kCUDA, 0);
constexpr std::int64_t kSteps = 16;

class QueuedStepsGpu : public testing::GpuTest {
 protected:
  void TearDown() override {
    if (ops::cuda_status().device_count > 0) ops::cuda_forbid_waiting(false);
  }

  static std::vector<StepReport> train(StepRunner& runner, std::int64_t accumulation) {
    std::vector<StepReport> reports;
    for (std::int64_t step = 0; step < kSteps; ++step) {
      const auto batches = batches_of(step, accumulation);
      StepPlan plan = plan_of(step, batches);
      plan.learning_rate = 0.001;  // small steps: devices round differently
      if (const auto report = runner.start(plan, batches)) {
        reports.push_back(*report);
      }
    }
    reports.push_back(*runner.finish());
    return reports;
  }

  static std::vector<StepReport> on_gpu(const ModelConfig& model_config, std::int64_t accumulation,
                                        double rate, bool graphs) {
    auto queue = ops::make_cuda_queue(kGpu);
    LanguageModel model = step_model(model_config, at::kFloat, kGpu);
    AdamW optimizer(model.parameters(), {});
    const TrainConfig config = config_of(accumulation, rate);
    QueuedSteps steps(model, optimizer, config, kLimits, graphs, std::move(queue));
    return train(steps, accumulation);
  }

  static std::int64_t number_of_buckets() {
    return static_cast<std::int64_t>(make_buckets(kLimits).size());
  }

  static void expect_near(const std::vector<StepReport>& actual,
                          const std::vector<StepReport>& expected, double tolerance) {
    ASSERT_EQ(actual.size(), expected.size());
    for (std::size_t i = 0; i < actual.size(); ++i) {
      EXPECT_NEAR(actual[i].loss, expected[i].loss, tolerance * expected[i].loss) << "step " << i;
      EXPECT_NEAR(actual[i].grad_norm, expected[i].grad_norm,
                  10 * tolerance * expected[i].grad_norm)
          << "step " << i;
    }
  }
};

TEST_F(QueuedStepsGpu, CapturedStepsEqualUncapturedOnesAndTheCpu) {
  for (const CouplerType type :
       {CouplerType::gnn, CouplerType::hgnn, CouplerType::mean, CouplerType::none}) {
    for (const std::int64_t accumulation : {1, 3}) {
      for (const double rate : {0.0, 0.2}) {
        SCOPED_TRACE(::testing::Message()
                     << to_string(type) << ", " << accumulation << ", rate " << rate);
        const ModelConfig model_config = step_model_config(type);
        const auto graphs = on_gpu(model_config, accumulation, rate, true);
        const auto queued = on_gpu(model_config, accumulation, rate, false);
        const auto& captured = graphs[QueuedSteps::kWarmUpSteps].graphs;
        ASSERT_TRUE(captured.has_value());
        EXPECT_EQ(captured->failure, "");
        EXPECT_EQ(captured->count, number_of_buckets() + (accumulation > 1 ? 1 : 0));
        EXPECT_GT(captured->bytes, 0);
        expect_near(graphs, queued, 1e-6);
        LanguageModel model = step_model(model_config, at::kFloat, at::kCPU);
        AdamW optimizer(model.parameters(), {});
        const TrainConfig config = config_of(accumulation, rate);
        DirectSteps direct(model, optimizer, config, kLimits);
        expect_near(queued, train(direct, accumulation), 1e-4);
      }
    }
  }
}

TEST_F(QueuedStepsGpu, Bfloat16IsCapturedToo) {
  for (const double rate : {0.0, 0.2}) {
    ModelConfig model_config = step_model_config(CouplerType::hgnn);
    model_config.precision = Precision::bf16;
    model_config.embed_dim = 48;  // heads of 16, which flash attention serves
    expect_near(on_gpu(model_config, 1, rate, true), on_gpu(model_config, 1, rate, false), 1e-3);
  }
}

// After the steps that set libraries up, and after the captures.
TEST_F(QueuedStepsGpu, NoStepWaitsForTheDevice) {
  for (const CouplerType type : {CouplerType::gnn, CouplerType::hgnn}) {
    for (const bool graphs : {false, true}) {
      SCOPED_TRACE(::testing::Message() << to_string(type) << ", graphs " << graphs);
      auto queue = ops::make_cuda_queue(kGpu);
      LanguageModel model = step_model(step_model_config(type), at::kFloat, kGpu);
      AdamW optimizer(model.parameters(), {});
      const TrainConfig config = config_of(1, 0.2);
      QueuedSteps steps(model, optimizer, config, kLimits, graphs, std::move(queue));
      train(steps, 1);
      ops::cuda_forbid_waiting(true);
      EXPECT_NO_THROW(train(steps, 1));
      ops::cuda_forbid_waiting(false);
    }
  }
}

// Asking the device for a value cannot be captured.
TEST_F(QueuedStepsGpu, WorkThatCannotBeCapturedGoesOnUncaptured) {
  auto queue = ops::make_cuda_queue(kGpu);
  const at::Tensor one = at::ones({}, at::TensorOptions(kGpu).dtype(at::kFloat));
  at::Tensor sum = at::zeros({}, one.options());
  EXPECT_THROW(queue->capture([&] { sum.add_(one).item<float>(); }), c10::Error);
  sum.zero_();
  EXPECT_EQ(sum.add(one).item<float>(), 1.0f) << "the queue still works";
  const auto captured = queue->capture([&] { sum.add_(one); });
  captured->replay();
  captured->replay();
  EXPECT_EQ(sum.item<float>(), 2.0f);
}

TEST_F(QueuedStepsGpu, TimesAreOfTheDevice) {
  const auto reports = on_gpu(step_model_config(CouplerType::hgnn), 1, 0.2, true);
  for (const StepReport& report : reports) {
    EXPECT_GT(report.forward_seconds, 0.0);
    EXPECT_GT(report.backward_seconds, 0.0);
    EXPECT_GT(report.optimizer_seconds, 0.0);
    EXPECT_GE(*report.busy_seconds, report.forward_seconds + report.backward_seconds);
    EXPECT_LT(*report.busy_seconds, 10.0);
  }
}

}  // namespace
}  // namespace hgnn_moe
