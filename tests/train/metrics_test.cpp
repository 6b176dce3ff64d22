#include "hgnn_moe/train/metrics.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "tests/train/train_support.h"

#include "hgnn_moe/base/files.h"
#include "hgnn_moe/base/json.h"

namespace hgnn_moe {
namespace {

std::string text_of(const std::filesystem::path& path) {
  return read_text_file(path, ExitCode::internal);
}

StepEvent example_step() {
  StepEvent event;
  event.step = 1;
  event.epoch = 0;
  event.loss = 0.1 + 0.2;
  event.learning_rate = 5e-4;
  event.grad_norm = 1.5;
  event.tokens = 1000;
  event.tokens_per_s = 123.5;
  event.data_ms = 1;
  event.forward_ms = 2;
  event.backward_ms = 3;
  event.optimizer_ms = 4;
  event.memory_bytes = 5;
  return event;
}

TEST(Metrics, WritesTheFieldsInTheDocumentedOrder) {
  const TemporaryFolder folder;
  MetricsWriter writer(folder / "metrics.jsonl");
  writer.write(example_step());
  writer.write(EvalEvent{20, 2.5, 12.25, 99});
  CouplerEvent hypergraph;
  hypergraph.step = 20;
  hypergraph.layer = 3;
  hypergraph.hyperedge_weights = std::vector<double>{1.0, 0.5};
  hypergraph.mixing = {{0.5, 0.5}, {0.0, 1.0}};
  writer.write(hypergraph);
  CouplerEvent graph;
  graph.step = 20;
  graph.adjacency = MetricMatrix{{0.0, 1.0}, {1.0, 0.0}};
  graph.mixing = {{0.0, 0.25}, {0.25, 0.0}};
  writer.write(graph);
  LayerEvent layer;
  layer.step = 20;
  layer.layer = 1;
  layer.expert_norms = {2.5, 3.0};
  layer.expert_cka = {{1.0, 0.5}, {0.5, std::numeric_limits<double>::quiet_NaN()}};
  layer.second_eigenvalue = 0.75;
  writer.write(layer);
  EXPECT_EQ(text_of(folder / "metrics.jsonl"),
            "{\"event\":\"step\",\"step\":1,\"epoch\":0,\"loss\":0.30000000000000004,"
            "\"learning_rate\":0.0005,\"grad_norm\":1.5,\"tokens\":1000,\"tokens_per_s\":123.5,"
            "\"data_ms\":1.0,\"forward_ms\":2.0,\"backward_ms\":3.0,\"optimizer_ms\":4.0,"
            "\"memory_bytes\":5}\n"
            "{\"event\":\"eval\",\"step\":20,\"loss\":2.5,\"perplexity\":12.25,\"tokens\":99}\n"
            "{\"event\":\"coupler\",\"step\":20,\"layer\":3,\"hyperedge_weights\":[1.0,0.5],"
            "\"mixing\":[[0.5,0.5],[0.0,1.0]]}\n"
            "{\"event\":\"coupler\",\"step\":20,\"layer\":0,\"adjacency\":[[0.0,1.0],[1.0,0.0]],"
            "\"mixing\":[[0.0,0.25],[0.25,0.0]]}\n"
            "{\"event\":\"layer\",\"step\":20,\"layer\":1,\"expert_norms\":[2.5,3.0],"
            "\"expert_cka\":[[1.0,0.5],[0.5,null]],\"dirichlet_before\":null,"
            "\"dirichlet_after\":null,\"second_eigenvalue\":0.75,"
            "\"hyperedge_weight_grad_norm\":null}\n");
}

TEST(Metrics, NumbersReadBackToTheSameDouble) {
  const TemporaryFolder folder;
  MetricsWriter writer(folder / "metrics.jsonl");
  const std::vector<double> values = {1.0 / 3, std::nextafter(1.0, 2.0), 5e-324, 1.7976e308,
                                      static_cast<double>(3.14159f)};
  for (const double value : values) {
    const std::int64_t begin = writer.length();
    writer.write(EvalEvent{1, value, -value, 1});
    const std::string line =
        text_of(folder / "metrics.jsonl").substr(static_cast<std::size_t>(begin));
    const Json json = parse_json(line, "metrics", ExitCode::internal);
    EXPECT_EQ(json["loss"].get<double>(), value);
    EXPECT_EQ(json["perplexity"].get<double>(), -value);
  }
}

TEST(Metrics, NonFiniteIsNull) {
  const TemporaryFolder folder;
  MetricsWriter writer(folder / "metrics.jsonl");
  writer.write(EvalEvent{1, std::numeric_limits<double>::quiet_NaN(),
                         std::numeric_limits<double>::infinity(), 1});
  EXPECT_EQ(text_of(folder / "metrics.jsonl"),
            "{\"event\":\"eval\",\"step\":1,\"loss\":null,\"perplexity\":null,\"tokens\":1}\n");
}

TEST(Metrics, EveryLineIsInTheFileAtOnceAndReopeningAppends) {
  const TemporaryFolder folder;
  const auto path = folder / "metrics.jsonl";
  std::int64_t first_length = 0;
  {
    MetricsWriter writer(path);
    EXPECT_EQ(writer.length(), 0);
    writer.write(EvalEvent{1, 1, 1, 1});
    first_length = writer.length();
    EXPECT_EQ(text_of(path).size(), static_cast<std::size_t>(first_length));
  }
  MetricsWriter writer(path);
  EXPECT_EQ(writer.length(), first_length);
  writer.write(EvalEvent{1, 1, 1, 1});
  EXPECT_EQ(writer.length(), 2 * first_length);
}

TEST(Metrics, TruncatingCutsLaterEventsAndAHalfWrittenLine) {
  const TemporaryFolder folder;
  const auto path = folder / "metrics.jsonl";
  std::int64_t noted = 0;
  {
    MetricsWriter writer(path);
    writer.write(EvalEvent{1, 1, 1, 1});
    noted = writer.length();
    writer.write(EvalEvent{2, 1, 1, 1});
  }
  const std::string all = text_of(path);
  put_file(path, all + "{\"event\":\"st");
  MetricsWriter writer(path);
  writer.truncate_to(noted);
  EXPECT_EQ(writer.length(), noted);
  writer.write(EvalEvent{2, 1, 1, 1});
  EXPECT_EQ(text_of(path), all);
  writer.truncate_to(0);
  EXPECT_EQ(text_of(path), "");
}

TEST(Metrics, AFileThatTheCheckpointDoesNotKnowIsRefused) {
  const TemporaryFolder folder;
  const auto path = folder / "metrics.jsonl";
  MetricsWriter writer(path);
  writer.write(EvalEvent{1, 1, 1, 1});
  const std::string before = text_of(path);
  const std::string too_short =
      message_of_error(ExitCode::checkpoint, [&] { writer.truncate_to(writer.length() + 1); });
  EXPECT_TRUE(contains(too_short, path.string())) << too_short;
  const std::string inside =
      message_of_error(ExitCode::checkpoint, [&] { writer.truncate_to(writer.length() - 1); });
  EXPECT_TRUE(contains(inside, "end of line")) << inside;
  EXPECT_EQ(text_of(path), before);
}

TEST(Metrics, AFullDiskIsSaidAndLeavesWholeLines) {
  const TemporaryFolder folder;
  const auto path = folder / "metrics.jsonl";
  MetricsWriter writer(path);
  writer.write(EvalEvent{1, 1, 1, 1});
  const std::string before = text_of(path);
  {
    const FileSizeLimit limit(before.size() + 10);
    const std::string message =
        message_of_error(ExitCode::disk, [&] { writer.write(EvalEvent{2, 1, 1, 1}); });
    EXPECT_TRUE(contains(message, path.string())) << message;
  }
  EXPECT_EQ(text_of(path), before);
  EXPECT_EQ(writer.length(), static_cast<std::int64_t>(before.size()));
  writer.write(EvalEvent{1, 1, 1, 1});
  EXPECT_EQ(text_of(path), before + before);
}

TEST(Metrics, AnUnwritablePlaceIsADiskError) {
  const TemporaryFolder folder;
  const auto path = folder / "missing" / "metrics.jsonl";
  const std::string message =
      message_of_error(ExitCode::disk, [&] { const MetricsWriter writer(path); });
  EXPECT_TRUE(contains(message, path.string())) << message;
}

}  // namespace
}  // namespace hgnn_moe
