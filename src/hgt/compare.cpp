#include "hgnn_moe/hgt/compare.h"

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "comparison_runner.h"
#include "loss_curves.h"
#include "report_file.h"

#include "hgnn_moe/base/error.h"
#include "hgnn_moe/base/files.h"
#include "hgnn_moe/base/log.h"
#include "hgnn_moe/base/text.h"
#include "hgnn_moe/hgt/comparison.h"
#include "hgnn_moe/hgt/comparison_advice.h"
#include "hgnn_moe/hgt/comparison_plan.h"
#include "hgnn_moe/hgt/graph_data.h"
#include "hgnn_moe/kg/facts.h"
#include "hgnn_moe/kg/find_relations.h"
#include "hgnn_moe/kg/reverses.h"
#include "hgnn_moe/train/device.h"

namespace hgnn_moe::hgt {

namespace {

namespace fs = std::filesystem;

constexpr int kFormatVersion = 1;
constexpr char kReportFile[] = "compare.json";

void require_gpu() {
  try {
    choose_device("cuda");
  } catch (const Error& error) {
    fail(error.code(),
         "compare is device, which needs a GPU; {}; compare where there is one, or compare batch, "
         "messages or features",
         error.what());
  }
}

// What the runs' plan and report need to know of the graph.
struct GraphNotes {
  kg::LoadedFiles files;
  std::int64_t edges = 0;
  std::string relation;  // the title of config.relation, or ""
};

// Of a primary relation.
bool is_held_out(const HgtConfig& config, const kg::Graph& graph, std::int32_t relation) {
  const std::vector<std::int32_t> held =
      kg::primary_relations(graph, kg::find_relations(graph, held_out_names(config)));
  return held.empty() || std::binary_search(held.begin(), held.end(), relation);
}

// Of the relation that decides. Figures are those of facts, which are held out as primary edges.
std::string title_of_relation(const HgtConfig& config, const kg::Graph& graph, bool files_decide) {
  std::vector<std::string> titles, primary;
  bool all_held_out = true;
  for (const std::int32_t r : kg::find_relations(graph, config.relation)) {
    if (!kg::is_primary(graph, r)) {
      primary.push_back(kg::relation_title(graph, graph.relations[graph.relations[r].reverse]));
      continue;
    }
    titles.push_back(kg::relation_title(graph, graph.relations[r]));
    all_held_out = all_held_out && (files_decide || is_held_out(config, graph, r));
  }
  if (titles.empty()) {
    fail(ExitCode::usage, "relation '{}' is the reverse of {}; give that one", config.relation,
         join(primary, ", "));
  }
  if (titles.size() > 1) {
    fail(ExitCode::usage, "relation '{}' has several meanings; give one of {}", config.relation,
         join(titles, ", "));
  }
  if (all_held_out) return titles.front();
  fail(ExitCode::usage,
       "relation '{}' is not among {} {}, so nothing of it is held out that could decide; add it "
       "there, or give one of them",
       config.relation, held_out_option(config), join(held_out_names(config), ","));
}

// What every run would refuse, before the first of them begins.
void check_names(const HgtConfig& config, const kg::Graph& graph) {
  inductive_types(config, graph);
  const std::vector<std::int32_t> trained = trained_relations(config, graph);
  if (config.relation.empty()) return;
  for (const std::int32_t r :
       kg::primary_relations(graph, kg::find_relations(graph, config.relation))) {
    if (std::binary_search(trained.begin(), trained.end(), r)) continue;
    fail(ExitCode::usage,
         "relation '{}' is not among train_relations {}, so nothing learns to rank it; add it "
         "there, or give one of them",
         config.relation, config.train_relations);
  }
}

GraphNotes read_graph(const HgtConfig& config) {
  GraphNotes notes;
  notes.files = load_graph_of(config);
  for (const kg::LoadedGraph& part : notes.files.parts) notes.edges += part.graph.edge_count();
  const kg::Graph graph = kg::with_reverses(notes.files.parts.front().graph).graph;
  check_names(config, graph);
  if (!config.relation.empty()) {
    notes.relation = title_of_relation(config, graph, is_split_by_files(config, notes.files.parts));
  }
  return notes;
}

// Of the features that a run's nodes have: with limit_nodes the seed chooses the nodes.
class FeatureHashes {
 public:
  explicit FeatureHashes(const kg::LoadedFiles& files) : files_(files) {}

  std::string of(HgtConfig config) {
    if (config.node_features != HgtFeatures::given) return "";
    const std::int64_t key = config.limit_nodes == kAll ? 0 : config.seed;
    if (const auto known = by_seed_.find(key); known != by_seed_.end()) return known->second;
    config.messages = HgtMessages::graph;  // shuffling takes long and changes no node
    return by_seed_[key] = graph_data_of(config, files_).features.content_hash;
  }

 private:
  const kg::LoadedFiles& files_;
  std::map<std::int64_t, std::string> by_seed_;
};

// All of them together: one --run_name or --overwrite is the answer to all.
void refuse_other_runs(const std::vector<ComparedRun>& runs, const kg::LoadedFiles& files) {
  FeatureHashes features(files);
  std::vector<std::string> sentences;
  for (const ComparedRun& run : runs) {
    if (state_of(run) == RunState::absent) continue;
    const std::vector<std::string> differences =
        differences_to(run, {files.content_hash, features.of(run.config)});
    if (differences.empty()) continue;
    sentences.push_back(
        fmt::format("'{}' holds a run with other options ({}); give another --run_name, or "
                    "--overwrite to replace it",
                    run.folder(), join(differences, "; ")));
  }
  if (!sentences.empty()) throw Error(ExitCode::usage, join(sentences, "\n"));
}

int print_dry_run(const HgtConfig& config, const std::vector<ComparedRun>& runs) {
  Json record = {{"compare", names_of(config.compare)[static_cast<std::size_t>(config.compare)]}};
  for (const ComparedRun& run : runs) {
    record["runs"].push_back({{"variant", run.variant},
                              {"seed", run.seed},
                              {"folder", run.folder()},
                              {"state", name_of(state_of(run))},
                              {"options", options_of_run(run)}});
  }
  write_standard_output(json_text(record, 2) + "\n");
  return 0;
}

std::string problem_of(const ChildOutcome& outcome) {
  if (outcome.status == ChildStatus::done) return "";
  if (outcome.status == ChildStatus::stopped) return "stopped by a signal";
  return fmt::format("{}: {}", outcome.reason, outcome.message);
}

std::vector<ComparedResult> results_of(const std::vector<ComparedRun>& runs,
                                       const std::vector<RunResult>& ended,
                                       const std::string& relation) {
  std::vector<ComparedResult> results;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const Json& summary = ended[i].summary;
    ComparedResult result{
        runs[i].variant, runs[i].seed, runs[i].folder(), problem_of(ended[i].outcome), "", {}};
    if (result.problem.empty()) {
      result.verdict = summary.at("results").at("embeddings").at("verdict");
      result.figures = figures_of_summary(summary, relation);
    }
    results.push_back(std::move(result));
  }
  return results;
}

Json report_of(const HgtConfig& config, const GraphNotes& graph, const Comparison& comparison,
               const std::vector<ComparedResult>& results, const Advice& advice) {
  Json report = {{"format_version", kFormatVersion},
                 {"compare", names_of(config.compare)[static_cast<std::size_t>(config.compare)]},
                 {"graph", {{"path", config.graph}, {"content_hash", graph.files.content_hash}}},
                 {"seeds", seed_list(config.seeds)}};
  report.update(to_json(comparison));
  for (const ComparedResult& result : results) {
    const auto or_null = [](const std::string& text) { return text.empty() ? Json() : Json(text); };
    report["runs"].push_back({{"variant", result.variant},
                              {"seed", result.seed},
                              {"folder", result.folder},
                              {"problem", or_null(result.problem)},
                              {"verdict", or_null(result.verdict)},
                              {"figures", result.figures}});
  }
  report["use"] = advice.use.empty() ? Json() : Json(advice.use);
  report["why"] = advice.why;
  return report;
}

// The runs' names in a report that is there, none where it cannot be read.
std::vector<std::string> runs_in_report(const fs::path& file, spdlog::logger& log) {
  std::vector<std::string> names;
  if (!fs::exists(file)) return names;
  try {
    const Json before = read_json_file(file, ExitCode::data);
    for (const Json& run : before.at("runs")) {
      names.push_back(fs::path(run.at("folder").get<std::string>()).filename().string());
    }
  } catch (const std::exception& error) {  // ours or the JSON library's
    log.warn("what was in '{}' cannot be read and is replaced: {}", file.string(), error.what());
  }
  return names;
}

// A comparison of fewer runs, or of others, takes the place of one with more.
void tell_replaced(const fs::path& file, const std::vector<ComparedResult>& results,
                   spdlog::logger& log) {
  std::vector<std::string> left_out;
  for (const std::string& name : runs_in_report(file, log)) {
    const bool is_kept = std::any_of(results.begin(), results.end(), [&](const auto& result) {
      return fs::path(result.folder).filename() == name;
    });
    if (!is_kept) left_out.push_back(name);
  }
  if (left_out.empty()) return;
  log.warn(
      "'{}' had {} runs that this comparison leaves out: {}; they stay where they are, and the "
      "command with them writes its table again",
      file.string(), left_out.size(), first_few(left_out));
}

int make_report(const HgtConfig& config, const GraphNotes& graph, const fs::path& folder,
                const std::vector<ComparedResult>& results, spdlog::logger& log) {
  const Comparison comparison =
      comparison_of(config.compare, graph.relation, compared_variants(config), results);
  const Advice advice = advice_on(comparison);
  const std::string report =
      json_text(report_of(config, graph, comparison, results, advice), 2) + "\n";
  tell_replaced(folder / kReportFile, results, log);
  write_loss_curves(folder / "curves.csv", results);
  write_file_atomically(folder / kReportFile, report);
  write_standard_output(to_table(comparison) + "\n" + advice.why + "\n");
  if (!config.json.empty()) write_file_atomically(config.json, report);
  std::size_t missing = 0;
  for (const ComparedResult& result : results) missing += result.problem.empty() ? 0 : 1;
  if (missing == 0) return 0;
  fail(ExitCode::rows_failed,
       "{} of {} runs are not done, as the table says; the same command tries them again", missing,
       results.size());
}

}  // namespace

int run_compare(const HgtInput& input) {
  const HgtConfig& config = input.config;
  if (config.compare == HgtComparison::device) require_gpu();
  if (!config.dry_run) expect_writable(config.json);
  const GraphNotes graph = read_graph(config);
  const std::vector<ComparedRun> runs = compared_runs(input, graph.edges);
  if (config.dry_run) return print_dry_run(config, runs);
  const fs::path folder = fs::path(config.checkpoint_dir) / comparison_name(config);
  hgnn_moe::create_directories(folder);
  const FolderLock lock = FolderLock::acquire(folder);
  if (!config.overwrite) refuse_other_runs(runs, graph.files);
  const auto log = make_logger(config.quiet, folder / "compare.log");
  for (const std::string& note : input.notes) log->warn("{}", note);
  // A caller may have left it ignored (trap '' CHLD): then nobody learns how a run has ended.
  std::signal(SIGCHLD, SIG_DFL);
  const StopSignal stop;
  ComparisonRunner runner(runs, config.overwrite, *log);
  if (!runner.run(stop)) {
    log->warn("stopped by signal {} after {} of {} runs; the same command goes on{}",
              stop.received(), runner.results().size(), runs.size(),
              config.overwrite ? " without --overwrite" : "");
    return 128 + stop.received();
  }
  return make_report(config, graph, folder, results_of(runs, runner.results(), graph.relation),
                     *log);
}

}  // namespace hgnn_moe::hgt
