#include "hgnn_moe/hgt/train.h"

#include <ctime>
#include <memory>
#include <optional>

#include <ATen/ATen.h>
#include <fmt/chrono.h>

#include "train_records.h"
#include "written_embeddings.h"

#include "hgnn_moe/base/clock.h"
#include "hgnn_moe/base/error.h"
#include "hgnn_moe/base/files.h"
#include "hgnn_moe/base/log.h"
#include "hgnn_moe/base/text.h"
#include "hgnn_moe/base/version.h"
#include "hgnn_moe/hgt/link_figures.h"
#include "hgnn_moe/hgt/link_trainer.h"
#include "hgnn_moe/hgt/memory_plan.h"
#include "hgnn_moe/hgt/node_embeddings.h"
#include "hgnn_moe/hgt/triple_ranking.h"
#include "hgnn_moe/kg/message_graph.h"
#include "hgnn_moe/train/checkpoint.h"
#include "hgnn_moe/train/checkpoint_folder.h"
#include "hgnn_moe/train/device.h"
#include "hgnn_moe/train/resume_point.h"
#include "hgnn_moe/train/stop_signal.h"

namespace hgnn_moe::hgt {

namespace {

constexpr char kEmbeddingsFile[] = "embeddings.safetensors";

struct Session {
  HgtInput input;
  GraphData data;
  MemoryPlan memory;
  LinkModel model;
  LinkOptimizer optimizer;
  RunLocation location;
  RunFolder folder;
  std::shared_ptr<spdlog::logger> log;

  const HgtConfig& config() const { return input.config; }
};

// The state of a fresh run, or of the checkpoint that the run resumes from, loaded.
TrainingState begin(Session& session, MetricsWriter& metrics) {
  const HgtConfig& config = session.config();
  return begin_run(resume_fingerprint(config, session.data),
                   find_resume_checkpoint(config.resume_checkpoint, session.location, *session.log),
                   session.folder.path(), session.optimizer.tensors(), metrics, *session.log);
}

// The weights of the best checkpoint, where that is not where the run stands. Without it the
// trained weights are still worth measuring, but not under another's name.
void take_best(Session& session, const TrainingState& state) {
  if (state.best_step == state.step || !state.best_eval_loss.has_value()) return;
  const auto best = read_pointer(session.folder.path(), CheckpointPointer::best);
  if (!best.has_value() || best->step != state.best_step) {
    session.log->warn(
        "the best checkpoint, of step {}, is gone from run {}: the weights of step {} are measured "
        "and written",
        state.best_step, session.location.run_name, state.step);
    return;
  }
  load_checkpoint(best->folder, session.optimizer.tensors());
  session.log->info("the best checkpoint, of step {}, is measured and written", best->step);
}

// Tells how far the ranks are, now and then, until a signal comes.
class RankProgress {
 public:
  RankProgress(const StopSignal& stop, spdlog::logger& log) : stop_(stop), log_(log) {}

  bool operator()(std::int64_t ranks, std::int64_t total) {
    if (const double now = seconds_now(); ranks < total && now - told_ >= kInterval) {
      told_ = now;
      log_.info("{} of {} test ranks", ranks, total);
    }
    return stop_.received() == 0;
  }

 private:
  static constexpr double kInterval = 30;  // seconds

  const StopSignal& stop_;
  spdlog::logger& log_;
  double told_ = seconds_now();
};

// Test figures, embeddings and their verdict; nothing where a signal came before they were whole.
// All that training found is in a checkpoint by then, so that a resumed run takes them again.
std::optional<Json> measure(Session& session, const StopSignal& stop) {
  const kg::Graph& graph = session.data.split.train;
  const at::Tensor values_NF = session.model.embed(session.data.messages);
  Json results = Json::object();
  if (!session.data.split.test.empty()) {
    const kg::TripleIndex known(graph, kg::held_out_facts(session.data.split));
    const std::optional<kg::RankTable> ranks =
        rank_triples(session.model.decoder(), values_NF, graph, session.data.split.test, known,
                     RankProgress(stop, *session.log));
    if (!ranks.has_value()) return std::nullopt;
    const kg::RankFigures figures = ranks->micro();
    results["test"] = ranking_record(*ranks, graph);
    session.log->info("test MRR {:.4f}, Hits@1 {:.3f}, Hits@10 {:.3f} of {} ranks", figures.mrr,
                      figures.hits_at_1, figures.hits_at_10, figures.ranks);
    results["links"] =
        to_json(link_figures(session.model.decoder(), values_NF, graph, session.data.split.test,
                             known, static_cast<std::uint64_t>(session.config().seed)),
                graph);
  }
  const Embeddings embeddings = embeddings_of(graph, values_NF);
  for (const std::string& note : embeddings.notes) session.log->info("{}", note);
  const Grade grade = write_judged(session.folder.path() / kEmbeddingsFile, embeddings,
                                   session.config().seed, *session.log);
  results["embeddings"] = {{"file", kEmbeddingsFile},
                           {"verdict", names_of(grade)[static_cast<std::size_t>(grade)]}};
  return results;
}

// Embeddings are computed from all neighbours, training may see few of them.
void log_unseen_messages(const Session& session) {
  const HgtConfig& config = session.config();
  if (config.messages == HgtMessages::none || config.sampling != HgtSampling::neighbors) return;
  const std::int64_t most = neighbor_counts(config.num_neighbors).front();
  if (most == kAll) return;
  const double share = kg::MessageGraph(session.data.messages).share_beyond(most);
  if (share == 0) return;
  session.log->info(
      "a node takes {} neighbours of a relation in training and all of them when it is embedded: "
      "{:.0f} % of the messages are beyond that; num_neighbors all shows training all of them",
      most, 100 * share);
}

void log_start(const Session& session, const DeviceChoice& device) {
  spdlog::logger& log = *session.log;
  log.info("hgt_embed {} ({}), run {} on {}", project_version(), project_commit(),
           session.location.run_name, session.model.device().str());
  for (const auto* notes : {&session.data.notes, &device.notes}) {
    for (const std::string& note : *notes) log.info("{}", note);
  }
  for (const auto* warnings : {&session.input.notes, &session.data.warnings}) {
    for (const std::string& warning : *warnings) log.warn("{}", warning);
  }
  for (const std::string& line : session.data.tables) {
    log_to_file(log, spdlog::level::info, line);
  }
  for (const std::string& note : session.memory.notes) log.info("{}", note);
  log_unseen_messages(session);
  log.info("{} parameters; {}", session.model.parameter_count(), to_text(session.memory.memory));
  if (session.config().node_features == HgtFeatures::ones) {
    log.warn(
        "node_features is ones: nodes of a type whose neighbours are alike get the same embedding "
        "whatever the weights are");
  }
}

int train(Session& session) {
  const StopSignal stop;
  MetricsWriter metrics(session.folder.metrics_file());
  LinkTrainer trainer({session.config(), session.data, session.folder, session.model,
                       session.optimizer, metrics, *session.log, session.memory.copies_checkpoints},
                      begin(session, metrics));
  metrics.mirror_to(session.folder.tensorboard_folder());
  session.folder.write_config(config_record(session.input, session.data, session.model));
  session.log->info("{} triples an epoch in {} steps; {} steps in all", trainer.triples(),
                    trainer.steps_per_epoch(), trainer.total_steps());
  Json results;
  const auto summary = [&](RunStatus status) {
    session.folder.write_summary(summary_record(session.config(), trainer.state(), session.model,
                                                trainer.triples(), status, results));
  };
  const bool complete = with_summary_of_failure(*session.log, summary, [&] {
    if (!trainer.run(stop)) return false;
    take_best(session, trainer.state());
    const std::optional<Json> measured = measure(session, stop);
    results = measured.value_or(nullptr);
    return measured.has_value();
  });
  summary(complete ? RunStatus::done : RunStatus::stopped);
  if (!complete) {
    session.log->warn(
        "stopped by signal {} after step {}; resume with --resume_checkpoint auto --run_name {}",
        stop.received(), trainer.state().step, session.location.run_name);
    return 128 + stop.received();
  }
  session.log->info("done: {} steps in {}; files in {}", trainer.state().step,
                    format_duration(trainer.state().seconds), session.folder.path().string());
  return 0;
}

std::string made_up_run_name(const HgtConfig& config) {
  return fmt::format("{}-{:%Y%m%d-%H%M%S}", graph_name(config.graph),
                     fmt::localtime(std::time(nullptr)));
}

Json size_record(const MicroBatchSize& size) {
  Json layers = Json::array();
  for (const BlockSize& layer : size.layers) {
    layers.push_back({{"sources", layer.sources},
                      {"destinations", layer.destinations},
                      {"messages", layer.edges}});
  }
  return {{"layers", layers}, {"nodes", size.nodes}};
}

void print_dry_run(const HgtInput& input, const GraphData& data, const MemoryPlan& plan,
                   const std::optional<MemoryLimit>& limit) {
  Json memory = to_json(plan.memory);
  memory["limit"] = limit.has_value() ? Json(limit->bytes) : Json();
  const LinkParameterCount count =
      count_parameters(input.config, schema_of(data.split.train), data.features.width());
  const Json record = {{"config", to_json(input.config)},
                       {"graph", graph_record(data)},
                       {"parameters", count.learned()},
                       {"micro_batch", size_record(plan.size)},
                       {"memory", memory}};
  write_standard_output(record.dump(2) + "\n");
}

}  // namespace

int run_train(const HgtInput& given) {
  HgtInput input = given;
  HgtConfig& config = input.config;
  if (config.run_name.empty() && config.resume_checkpoint.empty()) {
    config.run_name = made_up_run_name(config);
  }
  const DeviceChoice device = choose_device(config.device);
  // The log's file is opened once the run is known to fit; a large graph takes a while until then.
  if (!config.dry_run) make_logger(config.quiet, std::nullopt)->info("reading {}", config.graph);
  GraphData data = open_graph(config);
  const auto limit = memory_limit_of(config, device.device);
  MemoryPlan memory = plan_memory(config, data, limit);
  if (config.dry_run) print_dry_run(input, data, memory, limit);
  check_fits(memory, config, data, limit);
  if (config.dry_run) return 0;
  const RunRequest request{config.checkpoint_dir, config.run_name, config.resume_checkpoint,
                           config.overwrite};
  const RunLocation location = locate_run(request);
  config.run_name = location.run_name;
  RunFolder folder = RunFolder::open(location.checkpoint_dir, location.run_name, request.start());
  auto log = make_logger(config.quiet, folder.log_file());
  HgtConfig of_model = config;
  of_model.node_batch_size = memory.tile_nodes;
  LinkModel model(of_model, data.split.train, device.device, data.features.values_NF);
  LinkOptimizer optimizer(model, config.weight_decay);
  Session session{std::move(input),     std::move(data), std::move(memory), std::move(model),
                  std::move(optimizer), location,        std::move(folder), std::move(log)};
  try {
    log_start(session, device);
    return train(session);
  } catch (const Error& error) {
    log_to_file(*session.log, spdlog::level::err, error.what());
    throw;
  }
}

}  // namespace hgnn_moe::hgt
