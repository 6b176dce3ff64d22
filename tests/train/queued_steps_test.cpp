#include "src/train/queued_steps.h"

#include <limits>

#include <gtest/gtest.h>

#include "src/train/direct_steps.h"
#include "tests/train/host_queue.h"
#include "tests/train/step_cases.h"
#include "tests/train/train_support.h"

#include "hgnn_moe/base/error.h"

namespace hgnn_moe {
namespace {

TrainConfig config_of(std::int64_t accumulation, double rate) {
  TrainConfig config;
  config.batch_size = 6;
  config.gradient_accumulation_steps = accumulation;
  config.dropout_rate = rate;
  config.seed = 5;
  return config;
}

// Batches of all sizes, so that most buckets are in use.
std::vector<data::Batch> batches_of(std::int64_t step, std::int64_t accumulation) {
  std::vector<data::Batch> batches;
  for (std::int64_t i = 0; i < accumulation; ++i) {
    std::vector<std::int64_t> lengths;
    for (std::int64_t b = 0; b < 6; ++b) lengths.push_back(1 + (5 * step + 3 * i + 7 * b) % 12);
    if (step % 3 == 1) lengths.resize(2);
    batches.push_back(step_batch(lengths, step + 10 * i));
  }
  return batches;
}

StepPlan plan_of(std::int64_t step, const std::vector<data::Batch>& batches) {
  StepPlan plan;
  plan.step = step;
  plan.learning_rate = 0.01 / static_cast<double>(step + 1);
  for (const data::Batch& batch : batches) plan.targets += batch.real_targets;
  return plan;
}

struct Trained {
  std::vector<StepReport> reports;
  ParameterList values;
  std::int64_t captured = 0;
};

constexpr std::int64_t kSteps = 12;

ParameterList copies(const ParameterList& list) {
  ParameterList result;
  for (const NamedParameter& p : list) result.push_back({p.name, p.tensor.detach().clone()});
  return result;
}

enum class Runner { direct, queued, captured };

Trained train(CouplerType type, std::int64_t accumulation, double rate, Runner kind,
              Precision precision = Precision::fp32) {
  ModelConfig model_config = step_model_config(type);
  model_config.precision = precision;
  LanguageModel model = step_model(model_config, at::kFloat, at::kCPU);
  AdamW optimizer(model.parameters(), {});
  const TrainConfig config = config_of(accumulation, rate);
  DirectSteps direct(model, optimizer, config, at::kCPU);
  QueuedSteps queued(model, optimizer, config, kind == Runner::captured,
                     std::make_unique<HostQueue>());
  StepRunner& runner = kind == Runner::direct ? static_cast<StepRunner&>(direct) : queued;
  Trained trained;
  const auto keep = [&](const std::optional<StepReport>& report) {
    if (report.has_value()) trained.reports.push_back(*report);
  };
  for (std::int64_t step = 0; step < kSteps; ++step) {
    const auto batches = batches_of(step, accumulation);
    keep(runner.start(plan_of(step, batches), batches));
    if (step % 5 == 4) keep(runner.finish());  // as for an evaluation
  }
  keep(runner.finish());
  EXPECT_EQ(runner.finish(), std::nullopt) << "a step is reported twice";
  trained.values = copies(optimizer.state());
  for (const NamedParameter& p : copies(model.parameters())) trained.values.push_back(p);
  trained.captured = queued.captured();
  return trained;
}

void expect_near(const Trained& actual, const Trained& expected) {
  ASSERT_EQ(actual.reports.size(), expected.reports.size());
  for (std::size_t i = 0; i < actual.reports.size(); ++i) {
    const StepReport &a = actual.reports[i], &e = expected.reports[i];
    EXPECT_EQ(a.plan.step, static_cast<std::int64_t>(i));
    EXPECT_EQ(e.plan.step, static_cast<std::int64_t>(i));
    EXPECT_NEAR(a.loss, e.loss, 2e-5 * e.loss) << "step " << i;
    EXPECT_NEAR(a.grad_norm, e.grad_norm, 2e-4 * e.grad_norm) << "step " << i;
  }
}

TEST(QueuedSteps, TrainAsDirectSteps) {
  for (const CouplerType type :
       {CouplerType::gnn, CouplerType::hgnn, CouplerType::mean, CouplerType::none}) {
    for (const double rate : {0.0, 0.2}) {
      for (const std::int64_t accumulation : {1, 3}) {
        SCOPED_TRACE(::testing::Message()
                     << to_string(type) << ", rate " << rate << ", " << accumulation);
        expect_near(train(type, accumulation, rate, Runner::queued),
                    train(type, accumulation, rate, Runner::direct));
      }
    }
  }
}

class QueuedStepsByPrecision : public ::testing::TestWithParam<Precision> {};
INSTANTIATE_TEST_SUITE_P(Precision, QueuedStepsByPrecision,
                         ::testing::Values(Precision::fp32, Precision::bf16));

// Loss, norm, parameters, moments and counts, to the bit.
TEST_P(QueuedStepsByPrecision, CapturedStepsEqualUncapturedOnes) {
  for (const std::int64_t accumulation : {1, 3}) {
    const auto run = [&](Runner kind) {
      return train(CouplerType::hgnn, accumulation, 0.2, kind, GetParam());
    };
    const Trained captured = run(Runner::captured), queued = run(Runner::queued);
    ASSERT_EQ(captured.reports.size(), queued.reports.size());
    for (std::size_t i = 0; i < queued.reports.size(); ++i) {
      EXPECT_EQ(captured.reports[i].loss, queued.reports[i].loss) << "step " << i;
      EXPECT_EQ(captured.reports[i].grad_norm, queued.reports[i].grad_norm) << "step " << i;
    }
    expect_same_values(captured.values, queued.values);
    EXPECT_EQ(queued.captured, 0);
    // Buckets, and with several micro-batches the update by itself.
    const std::int64_t most = static_cast<std::int64_t>(kMostBuckets) + (accumulation > 1 ? 1 : 0);
    EXPECT_GT(captured.captured, 1);
    EXPECT_LE(captured.captured, most);
  }
}

class OneModel : public ::testing::Test {
 protected:
  OneModel()
      : model_(step_model(step_model_config(CouplerType::hgnn), at::kFloat, at::kCPU)),
        optimizer_(model_.parameters(), {}),
        config_(config_of(1, 0.0)),
        steps_(model_, optimizer_, config_, false, std::make_unique<HostQueue>()) {}

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
  try {
    start(2, clean);
    ADD_FAILURE() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::diverged);
    EXPECT_NE(std::string(error.what()).find("step 2: the loss is nan"), std::string::npos)
        << error.what();
  }
  expect_same_values(everything(), before);
}

TEST_F(OneModel, ANormThatIsNotFiniteChangesNothing) {
  model_.parameters()[3].tensor.register_hook([](const at::Tensor& gradient) {
    return gradient.mul(std::numeric_limits<double>::infinity());
  });
  const ParameterList before = everything();
  start(0, step_batch({5, 7}, 1));
  try {
    steps_.finish();
    ADD_FAILURE() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::diverged);
    EXPECT_NE(std::string(error.what()).find("the gradient's norm is"), std::string::npos)
        << error.what();
  }
  expect_same_values(everything(), before);
}

}  // namespace
}  // namespace hgnn_moe
