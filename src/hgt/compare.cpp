#include "hgnn_moe/hgt/compare.h"

#include <csignal>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "comparison_runner.h"
#include "loss_curves.h"

#include "hgnn_moe/base/error.h"
#include "hgnn_moe/base/files.h"
#include "hgnn_moe/base/log.h"
#include "hgnn_moe/base/text.h"
#include "hgnn_moe/hgt/comparison.h"
#include "hgnn_moe/hgt/comparison_advice.h"
#include "hgnn_moe/hgt/comparison_plan.h"
#include "hgnn_moe/kg/facts.h"
#include "hgnn_moe/kg/find_relations.h"
#include "hgnn_moe/kg/load_graph.h"
#include "hgnn_moe/kg/reverses.h"
#include "hgnn_moe/train/device.h"

namespace hgnn_moe::hgt {

namespace {

namespace fs = std::filesystem;

constexpr int kFormatVersion = 1;

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

// What the runs' plan and report need to know of the graph, which is not kept.
struct GraphNotes {
  std::string content_hash;
  std::int64_t edges = 0;
  std::string relation;  // the title of config.relation, or ""
};

// Figures are those of facts, which are held out as primary edges.
std::string title_of_relation(const kg::Graph& given, const std::string& name) {
  const kg::Graph graph = kg::with_reverses(given).graph;
  std::vector<std::string> titles;
  for (const std::int32_t r : kg::find_relations(graph, name)) {
    if (kg::is_primary(graph, r)) titles.push_back(kg::relation_title(graph, graph.relations[r]));
  }
  if (titles.size() == 1) return titles.front();
  fail(ExitCode::usage, "relation '{}' {}; {}", name,
       titles.empty() ? "is the reverse of another one" : "has several meanings",
       titles.empty() ? "give that one" : "give one of " + join(titles, ", "));
}

GraphNotes read_graph(const HgtConfig& config) {
  const auto cache =
      config.cache_dir.empty() ? std::nullopt : std::optional<fs::path>(config.cache_dir);
  const kg::LoadedFiles loaded = kg::load_graph(kg::find_graph_files(config.graph), cache);
  GraphNotes notes;
  notes.content_hash = loaded.content_hash;
  for (const kg::LoadedGraph& part : loaded.parts) notes.edges += part.graph.edge_count();
  if (!config.relation.empty()) {
    notes.relation = title_of_relation(loaded.parts.front().graph, config.relation);
  }
  return notes;
}

// All of them together: one --run_name or --overwrite is the answer to all.
void refuse_other_runs(const std::vector<ComparedRun>& runs, const std::string& content_hash) {
  std::vector<std::string> sentences;
  for (const ComparedRun& run : runs) {
    const std::vector<std::string> differences = differences_to(run, content_hash);
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
                 {"graph", {{"path", config.graph}, {"content_hash", graph.content_hash}}},
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

int make_report(const HgtConfig& config, const GraphNotes& graph, const fs::path& folder,
                const std::vector<ComparedResult>& results) {
  const Comparison comparison =
      comparison_of(config.compare, graph.relation, compared_variants(config), results);
  const Advice advice = advice_on(comparison);
  const std::string report =
      json_text(report_of(config, graph, comparison, results, advice), 2) + "\n";
  write_loss_curves(folder / "curves.csv", results);
  write_file_atomically(folder / "compare.json", report);
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
  const GraphNotes graph = read_graph(config);
  const std::vector<ComparedRun> runs = compared_runs(input, graph.edges);
  if (config.dry_run) return print_dry_run(config, runs);
  const fs::path folder = fs::path(config.checkpoint_dir) / comparison_name(config);
  hgnn_moe::create_directories(folder);
  const FolderLock lock = FolderLock::acquire(folder);
  if (!config.overwrite) refuse_other_runs(runs, graph.content_hash);
  const auto log = make_logger(config.quiet, folder / "compare.log");
  for (const std::string& note : input.notes) log->info("{}", note);
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
  return make_report(config, graph, folder, results_of(runs, runner.results(), graph.relation));
}

}  // namespace hgnn_moe::hgt
