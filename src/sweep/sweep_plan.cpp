#include "hgnn_moe/sweep/sweep_plan.h"

#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>

#include "combinations.h"
#include "row_identity.h"
#include "unmatched_parts.h"

#include "hgnn_moe/train/match_parameters.h"

namespace hgnn_moe {

namespace {

// What the command line gives all rows.
Settings row_flags(const ParsedConfig& flags) {
  Settings settings = flags.settings;
  for (const std::string& name : options_outside_sweeps()) settings.erase(name);
  return settings;
}

void reject_varied_flags(const SweepFile& file, const Settings& flags) {
  ErrorList errors;
  std::set<std::string> reported;
  const auto check = [&](const Settings& varied) {
    for (const auto& [option, setting] : varied) {
      if (flags.count(option) == 0 || !reported.insert(option).second) continue;
      errors.add(fmt::format("{} ({}) goes over all runs, but {} varies it; drop one of them",
                             option, flags.at(option).source, setting.source));
    }
  };
  for (const SweepGroup& group : file.groups) {
    for (const SweepAxis& axis : group.axes) {
      for (const Settings& position : axis) check(position);
    }
    for (const SweepPoint& point : group.points) check(point.settings);
    Settings seeds;
    if (!group.seeds.empty()) seeds["seed"] = {group.seeds.front(), file.path + ": seeds"};
    check(seeds);
  }
  errors.throw_if_any();
}

void reject_too_many_rows(const SweepFile& file) {
  double rows = 0.0;
  for (const SweepGroup& group : file.groups) rows += number_of_rows(group);
  if (rows <= static_cast<double>(kMostRows)) return;
  fail(ExitCode::usage,
       "{}: it describes {:.0f} runs before its constraints, and a sweep has {} at most; give "
       "fewer values, or a file for each part",
       file.path, rows, kMostRows);
}

// A run of `settings` with `over` over them: what a match compares with.
Settings reference_settings(Settings settings, const Settings& over) {
  lay_over(over, settings);
  return settings;
}

// "match_parameters {"num_experts":4}: no embed_dim and ..."
std::string problem_of_match(const Json& over, std::string sentence) {
  const std::string name = "match_parameters";
  if (sentence.rfind(name + ": ", 0) == 0) sentence = sentence.substr(name.size() + 2);
  return fmt::format("{} {}: {}", name, json_text(over), sentence);
}

// Gives the row the sizes that match its reference, or the problem that there are none.
void match_sizes(const Settings& over, SweepRow& row) {
  try {
    const TrainConfig reference = resolve_settings(reference_settings(row.settings, over)).config;
    const TrainConfig run = given_config(row.settings);
    const ParameterMatch match = match_parameters(run, reference, known_vocab_size(run));
    row.settings["embed_dim"] = {match.embed_dim, "match_parameters"};
    row.settings["num_layers"] = {match.num_layers, "match_parameters"};
    row.notes.push_back(describe(match, run));
  } catch (const Error& error) {
    row.unmatched = values_of(over);
    row.problem = problem_of_match(row.unmatched, error.what());
    row.problem_code = error.code();
  }
}

// Resolves the settings and looks ahead.
void prepare(SweepRow& row, Forecaster& forecaster) {
  row.config = given_config(row.settings);
  row.seed = row.config.seed;
  if (!row.problem.empty() && row.problem_code != ExitCode::data) return;
  try {
    const TrainConfig config = resolve_settings(row.settings).config;
    if (row.problem.empty()) row.config = config;
    const std::string data_problem = forecaster.data_problem(config);
    if (!data_problem.empty()) {
      row.problem = data_problem;
      row.problem_code = ExitCode::data;
    }
    if (row.unmatched.is_null()) row.forecast = forecaster.forecast(config);
  } catch (const Error& error) {
    // Sizes that are not known for want of data are no second problem.
    if (!row.problem.empty()) return;
    row.problem = error.what();
    row.problem_code = error.code();
  }
}

// A row of a group before anything is resolved, and what it is to be matched with.
struct DraftRow {
  SweepRow row;
  std::optional<Settings> time_reference;
  std::vector<std::string> time_options;  // what match_time sets for it
};

std::vector<DraftRow> draft_rows(const SweepFile& file, const Settings& flags,
                                 ConstraintEffects& effects) {
  std::vector<DraftRow> drafts;
  for (const SweepGroup& group : file.groups) {
    for (const Combination& combination : combinations_of(group, flags, effects)) {
      const std::int64_t own_seed = given_config(combination.settings).seed;
      const std::vector<std::int64_t> seeds =
          group.seeds.empty() ? std::vector{own_seed} : group.seeds;
      for (const std::int64_t seed : seeds) {
        DraftRow draft;
        draft.row.group = group.name;
        draft.row.name = combination.name;
        draft.row.settings = combination.settings;
        draft.row.settings["seed"] = {seed, file.path + ": seeds"};
        if (group.match_time) {
          draft.time_reference = reference_settings(draft.row.settings, *group.match_time);
          for (const auto& [option, unused] : *group.match_time) {
            draft.time_options.push_back(option);
          }
        }
        if (group.match_parameters) match_sizes(*group.match_parameters, draft.row);
        drafts.push_back(std::move(draft));
      }
    }
  }
  return drafts;
}

// The runs whose training time rows are to have, with their hashes. A row that is its own reference
// has none: its length is its settings'.
std::vector<std::optional<SweepRow>> time_references(const std::vector<DraftRow>& drafts,
                                                     const SweepPlan& plan,
                                                     Forecaster& forecaster) {
  std::vector<std::optional<SweepRow>> references(drafts.size());
  for (std::size_t i = 0; i < drafts.size(); ++i) {
    if (!drafts[i].time_reference) continue;
    SweepRow reference;
    reference.settings = *drafts[i].time_reference;
    prepare(reference, forecaster);
    reference.hash = hash_of(reference, plan.varied, "");
    if (reference.hash != plan.rows[i].hash) references[i] = std::move(reference);
  }
  return references;
}

// What tells a reference apart: its varied options and those that match_time sets.
std::string settings_of_reference(const SweepRow& reference, std::vector<std::string> names,
                                  const std::vector<std::string>& time_options) {
  names.insert(names.end(), time_options.begin(), time_options.end());
  return json_text(varied_values(reference, names));
}

// Hashes, and references by them. Rows that wait for a time have none before their reference has.
void identify(const SweepFile& file, const std::vector<DraftRow>& drafts, SweepPlan& plan,
              Forecaster& forecaster, ErrorList& errors) {
  for (SweepRow& row : plan.rows) row.hash = hash_of(row, plan.varied, "");
  const auto references = time_references(drafts, plan, forecaster);
  std::map<std::string, std::size_t> with_own_length;  // the first row of each hash
  for (std::size_t i = 0; i < plan.rows.size(); ++i) {
    if (!references[i]) with_own_length.emplace(plan.rows[i].hash, i);
  }
  for (std::size_t i = 0; i < plan.rows.size(); ++i) {
    if (!references[i]) continue;
    const auto found = with_own_length.find(references[i]->hash);
    if (found == with_own_length.end()) {
      errors.add(fmt::format(
          "{}: match_time: no row of the sweep has the settings {} with seed {}; add it", file.path,
          settings_of_reference(*references[i], plan.varied, drafts[i].time_options),
          references[i]->seed));
      continue;
    }
    SweepRow& row = plan.rows[i];
    row.time_reference = found->second;
    row.hash = hash_of(row, plan.varied, references[i]->hash);
  }
}

// Two equal runs would train in one folder; the first stands for both.
void drop_repeated(SweepPlan& plan) {
  std::vector<SweepRow> kept;
  std::map<std::string, std::size_t> by_hash;
  std::vector<std::size_t> place(plan.rows.size());  // of each row among those kept
  for (std::size_t i = 0; i < plan.rows.size(); ++i) {
    const auto [found, is_first] = by_hash.emplace(plan.rows[i].hash, kept.size());
    place[i] = found->second;
    if (is_first) kept.push_back(std::move(plan.rows[i]));
  }
  for (SweepRow& row : kept) {
    if (row.time_reference) row.time_reference = place[*row.time_reference];
  }
  plan.repeated = static_cast<std::int64_t>(plan.rows.size() - kept.size());
  plan.rows = std::move(kept);
}

}  // namespace

SweepPlan make_sweep_plan(const SweepFile& file, const ParsedConfig& flags,
                          Forecaster& forecaster) {
  const Settings over_all = row_flags(flags);
  reject_varied_flags(file, over_all);
  reject_too_many_rows(file);
  SweepPlan plan;
  plan.name = flags.config.run_name;
  ConstraintEffects effects;
  std::vector<DraftRow> drafts = draft_rows(file, over_all, effects);
  plan.left_out = std::move(effects.left_out);
  if (drafts.empty()) {
    fail(ExitCode::usage, "{}: its constraints leave out all {} combinations; loosen them",
         file.path, plan.left_out.size());
  }
  for (DraftRow& draft : drafts) {
    prepare(draft.row, forecaster);
    plan.rows.push_back(draft.row);
  }
  plan.varied = varied_options(plan.rows);
  ErrorList errors;
  identify(file, drafts, plan, forecaster, errors);
  drop_repeated(plan);
  plan.warnings = unmatched_parts(file, plan, over_all, effects.applied, errors);
  errors.throw_if_any();
  for (SweepRow& row : plan.rows) {
    row.varied = varied_values(row, plan.varied);
    row.id = id_of(row);
  }
  return plan;
}

void set_steps(SweepRow& row, std::int64_t steps, Forecaster& forecaster) {
  HGNN_MOE_ASSERT(row.forecast && row.forecast->length, "{} has no known length", row.id);
  const std::int64_t per_epoch = row.forecast->length->steps_per_epoch;
  row.settings["max_steps"] = {steps, "match_time"};
  row.settings["epochs"] = {(steps + per_epoch - 1) / per_epoch, "match_time"};
  row.config = resolve_settings(row.settings).config;
  row.forecast = forecaster.forecast(row.config);
}

}  // namespace hgnn_moe
