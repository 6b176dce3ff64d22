#include "src/train/queued_steps.h"

#include <limits>
#include <memory>
#include <string>

#include <ATen/record_function.h>
#include <c10/util/Exception.h>
#include <gtest/gtest.h>

#include "src/train/direct_steps.h"
#include "tests/train/host_queue.h"
#include "tests/train/step_runs.h"
#include "tests/train/train_support.h"

#include "hgnn_moe/train/buckets.h"
#include "hgnn_moe/train/device_batch.h"

namespace hgnn_moe {
namespace {

// What is trained, and how.
struct Case {
  CouplerType type = CouplerType::hgnn;
  std::int64_t accumulation = 1;
  double rate = 0.2;
  Precision precision = Precision::fp32;
  bool token_weights = false;
  double grad_clip = 1.0;
  Execution execution = {};
};

std::ostream& operator<<(std::ostream& out, const Case& c) {
  return out << to_string(c.type) << ", rate " << c.rate << ", " << c.accumulation << " batches, "
             << to_string(c.precision) << ", clip " << c.grad_clip << ", chunk "
             << c.execution.coupler_chunk << ", checkpointing "
             << to_string(c.execution.checkpointing) << ", token weights " << c.token_weights;
}

struct Trained {
  std::vector<StepReport> reports;
  ParameterList values;
  std::vector<double> evaluations;
};

constexpr std::int64_t kSteps = 12;

enum class Runner { direct, queued, captured, not_capturable };

// Throws within the capture of a smaller size, after the largest has been captured. What a failed
// capture leaves in gradients is garbage, and what was captured before has to go.
class FailingQueue : public HostQueue {
 public:
  FailingQueue(WatchedTensors watched, ParameterList parameters)
      : HostQueue(std::move(watched)), parameters_(std::move(parameters)) {}

  std::unique_ptr<ops::CapturedWork> capture(const std::function<void()>& work) override {
    fails_ = captured_ > 0;
    HostQueue::capture(work);
    return std::make_unique<CountedWork>(captured_);
  }
  // The third one of a pass follows the gradients.
  void stamp(const at::Tensor& time) override {
    if (fails_ && ++stamps_ == 3) {
      fails_ = false;
      for (const NamedParameter& p : parameters_) {
        const at::Tensor gradient = p.tensor.grad();
        if (gradient.defined()) gradient.fill_(std::numeric_limits<double>::quiet_NaN());
      }
      TORCH_CHECK(false, "this cannot be captured");
    }
    if (stamps_ >= 3) {
      EXPECT_EQ(captured_, 0) << "what was captured is still there";
    }
    HostQueue::stamp(time);
  }

 private:
  struct CountedWork : ops::CapturedWork {
    explicit CountedWork(int& count) : count(count) { ++count; }
    ~CountedWork() override { --count; }
    void replay() override { ADD_FAILURE() << "it was dropped"; }
    int& count;
  };

  ParameterList parameters_;
  int captured_ = 0, stamps_ = 0;
  bool fails_ = false;
};

std::unique_ptr<StepRunner> make_runner(Runner kind, LanguageModel& model, AdamW& optimizer,
                                        const TrainConfig& config) {
  if (kind == Runner::direct)
    return std::make_unique<DirectSteps>(model, optimizer, config, kLimits);
  const auto watched = [&] { return written_by_steps(model, optimizer); };
  std::unique_ptr<ops::DeviceQueue> queue;
  if (kind == Runner::not_capturable) {
    queue = std::make_unique<FailingQueue>(watched, model.parameters());
  } else {
    queue = std::make_unique<HostQueue>(watched);
  }
  return std::make_unique<QueuedSteps>(model, optimizer, config, kLimits, kind != Runner::queued,
                                       std::move(queue));
}

double evaluate(const LanguageModel& model) {
  const c10::NoGradGuard no_grad;
  const data::Batch batch = step_batch({7, 12, 3}, 99);
  return target_loss(model, to_device(batch, 0, at::kCPU), {}, 1.0).item<double>();
}

Trained train(const Case& c, Runner kind) {
  ModelConfig model_config = step_model_config(c.type);
  model_config.precision = c.precision;
  if (c.token_weights) model_config.weight_source = HyperedgeWeightSource::token;
  LanguageModel model = step_model(model_config, at::kFloat, at::kCPU, c.execution);
  AdamW optimizer(model.parameters(), {});
  TrainConfig config = config_of(c.accumulation, c.rate);
  config.grad_clip = c.grad_clip;
  const auto runner = make_runner(kind, model, optimizer, config);
  Trained trained;
  const auto keep = [&](const std::optional<StepReport>& report) {
    if (report.has_value()) trained.reports.push_back(*report);
  };
  for (std::int64_t step = 0; step < kSteps; ++step) {
    const auto batches = batches_of(step, c.accumulation);
    keep(runner->start(plan_of(step, batches), batches));
    if (step % 5 != 4) continue;
    keep(runner->finish());
    trained.evaluations.push_back(evaluate(model));
  }
  keep(runner->finish());
  EXPECT_EQ(runner->finish(), std::nullopt) << "a step is reported twice";
  trained.values = copies(optimizer.state());
  for (const NamedParameter& p : copies(model.parameters())) trained.values.push_back(p);
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
    const std::vector<double>& norms = e.hyperedge_weight_grad_norms;
    ASSERT_EQ(a.hyperedge_weight_grad_norms.size(), norms.size());
    for (std::size_t l = 0; l < norms.size(); ++l) {
      // A difference of large terms: it is as exact as the whole gradient.
      EXPECT_NEAR(a.hyperedge_weight_grad_norms[l], norms[l], 2e-4 * e.grad_norm) << "step " << i;
      EXPECT_GT(norms[l], 0.0);
    }
  }
  for (std::size_t i = 0; i < actual.evaluations.size(); ++i) {
    EXPECT_NEAR(actual.evaluations[i], expected.evaluations[i], 2e-5 * expected.evaluations[i]);
  }
}

// Loss, norm, evaluations, parameters, moments and counts, to the bit.
void expect_same(const Trained& actual, const Trained& expected) {
  ASSERT_EQ(actual.reports.size(), expected.reports.size());
  for (std::size_t i = 0; i < actual.reports.size(); ++i) {
    EXPECT_EQ(actual.reports[i].loss, expected.reports[i].loss) << "step " << i;
    EXPECT_EQ(actual.reports[i].grad_norm, expected.reports[i].grad_norm) << "step " << i;
    EXPECT_EQ(actual.reports[i].hyperedge_weight_grad_norms,
              expected.reports[i].hyperedge_weight_grad_norms)
        << "step " << i;
  }
  EXPECT_EQ(actual.evaluations, expected.evaluations);
  expect_same_values(actual.values, expected.values);
}

// Everything that a model may be made of and computed with, each once.
std::vector<Case> all_cases() {
  std::vector<Case> cases;
  for (const CouplerType type :
       {CouplerType::gnn, CouplerType::hgnn, CouplerType::mean, CouplerType::none}) {
    for (const double rate : {0.0, 0.2}) {
      for (const std::int64_t accumulation : {1, 3}) cases.push_back({type, accumulation, rate});
    }
  }
  Case c;
  c.execution.checkpointing = ActivationCheckpointing::layer;
  cases.push_back(c);
  c = {CouplerType::gnn};
  c.execution.coupler_chunk = 32;
  cases.push_back(c);
  c = {};
  c.token_weights = true;
  cases.push_back(c);
  c = {};
  c.grad_clip = 0.0;
  cases.push_back(c);
  return cases;
}

TEST(QueuedSteps, TrainAsDirectSteps) {
  for (const Case& c : all_cases()) {
    SCOPED_TRACE(::testing::Message() << c);
    expect_near(train(c, Runner::queued), train(c, Runner::direct));
  }
}

TEST(QueuedSteps, CapturedStepsEqualUncapturedOnes) {
  std::vector<Case> cases = all_cases();
  for (const std::int64_t accumulation : {1, 3}) {
    cases.push_back({CouplerType::hgnn, accumulation, 0.2, Precision::bf16});
    cases.push_back({CouplerType::gnn, accumulation, 0.0, Precision::bf16});
  }
  for (const Case& c : cases) {
    SCOPED_TRACE(::testing::Message() << c);
    expect_same(train(c, Runner::captured), train(c, Runner::queued));
  }
}

// In one step, every size.
TEST(QueuedSteps, AllIsCapturedAfterTheWarmUp) {
  for (const std::int64_t accumulation : {1, 3}) {
    const Case c{CouplerType::hgnn, accumulation};
    const auto captured = train(c, Runner::captured).reports;
    const auto queued = train(c, Runner::queued).reports;
    for (std::int64_t i = 0; i < kSteps; ++i) {
      EXPECT_EQ(queued[i].graphs.has_value(), false) << i;
      EXPECT_EQ(captured[i].graphs.has_value(), i == QueuedSteps::kWarmUpSteps) << i;
      EXPECT_EQ(captured[i].warms_up, i <= QueuedSteps::kWarmUpSteps) << i;
      EXPECT_EQ(queued[i].warms_up, i <= QueuedSteps::kWarmUpSteps) << i;
    }
    const StepGraphs& graphs = *captured[QueuedSteps::kWarmUpSteps].graphs;
    EXPECT_EQ(graphs.failure, "");
    EXPECT_EQ(graphs.count,
              static_cast<std::int64_t>(make_buckets(kLimits).size()) + (accumulation > 1 ? 1 : 0));
    EXPECT_EQ(graphs.bytes, HostQueue::kCapturedBytes);
  }
}

// Notes how many tokens each pass of a model of one layer has, and -1 where one is captured.
std::vector<std::int64_t>& passes() {
  static std::vector<std::int64_t> tokens;
  return tokens;
}

class NotingQueue : public HostQueue {
 public:
  std::unique_ptr<ops::CapturedWork> capture(const std::function<void()>& work) override {
    passes().push_back(-1);
    return HostQueue::capture(work);
  }
};

std::unique_ptr<at::ObserverContext> note_pass(const at::RecordFunction& function) {
  if (std::string(function.name()) == "hgnn_moe::fused_experts") {
    passes().push_back(function.inputs()[0].toTensor().size(0));
  }
  return nullptr;
}

// The largest first, whose memory the smaller ones share; and each has run before.
TEST(QueuedSteps, SizesAreCapturedInDescendingOrder) {
  ModelConfig model_config = step_model_config(CouplerType::mean);
  model_config.num_layers = 1;
  LanguageModel model = step_model(model_config, at::kFloat, at::kCPU);
  AdamW optimizer(model.parameters(), {});
  const TrainConfig config = config_of(1, 0.0);
  QueuedSteps steps(model, optimizer, config, kLimits, true, std::make_unique<NotingQueue>());
  const data::Batch batch = step_batch({5, 7}, 1);
  for (std::int64_t step = 0; step < QueuedSteps::kWarmUpSteps; ++step) {
    steps.start(plan_of(step, {batch}), {batch});
  }
  passes().clear();
  const auto handle =
      at::addThreadLocalCallback(at::RecordFunctionCallback(&note_pass).needsInputs(true));
  steps.start(plan_of(QueuedSteps::kWarmUpSteps, {batch}), {batch});
  at::removeCallback(handle);

  const std::vector<std::int64_t> buckets = make_buckets(kLimits);
  std::vector<std::int64_t> expected(buckets.rbegin(), buckets.rend());
  for (auto bucket = buckets.rbegin(); bucket != buckets.rend(); ++bucket) {
    expected.push_back(-1);
    expected.push_back(*bucket);
  }
  expected.push_back(buckets[bucket_of(buckets, 12)]);  // the step itself
  EXPECT_EQ(passes(), expected);
}

TEST(QueuedSteps, WorkThatCannotBeCapturedGoesOnUncaptured) {
  for (const std::int64_t accumulation : {1, 3}) {
    for (const Precision precision : {Precision::fp32, Precision::bf16}) {
      const Case c{CouplerType::hgnn, accumulation, 0.2, precision};
      SCOPED_TRACE(::testing::Message() << c);
      const Trained uncaptured = train(c, Runner::not_capturable);
      expect_same(uncaptured, train(c, Runner::queued));
      const StepGraphs& graphs = *uncaptured.reports[QueuedSteps::kWarmUpSteps].graphs;
      EXPECT_EQ(graphs.count, 0);
      EXPECT_NE(graphs.failure.find("this cannot be captured"), std::string::npos);
    }
  }
}

}  // namespace
}  // namespace hgnn_moe
