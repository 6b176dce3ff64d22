#include "hgnn_moe/sweep/sweep_plan.h"

#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>

#include "combinations.h"
#include "row_identity.h"

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

// A run of `settings` with `over` over them: what a match compares with.
Settings reference_settings(Settings settings, const Settings& over) {
  lay_over(over, settings);
  return settings;
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
    row.problem = error.what();
    row.problem_code = error.code();
  }
}

// Resolves the settings and looks ahead. A problem with the data is left to the run, which says it
// with its own exit code.
void prepare(SweepRow& row, Forecaster& forecaster) {
  row.config = given_config(row.settings);
  row.seed = row.config.seed;
  if (!row.problem.empty()) return;
  try {
    row.config = resolve_settings(row.settings).config;
    row.forecast = forecaster.forecast(row.config);
  } catch (const Error& error) {
    if (error.code() == ExitCode::usage) row.problem = error.what();
  }
}

// A row of a group before anything is resolved, and what it is to be matched with.
struct DraftRow {
  SweepRow row;
  std::optional<Settings> time_reference;
};

std::vector<DraftRow> draft_rows(const SweepFile& file, const Settings& flags,
                                 std::vector<LeftOutCombination>& left_out) {
  std::vector<DraftRow> drafts;
  for (const SweepGroup& group : file.groups) {
    for (const Combination& combination : combinations_of(group, flags, left_out)) {
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

// Hashes, and references by them. Rows that wait for a time have none before their reference has.
void identify(const SweepFile& file, const std::vector<DraftRow>& drafts, SweepPlan& plan,
              Forecaster& forecaster) {
  for (SweepRow& row : plan.rows) row.hash = hash_of(row, plan.varied, "");
  const auto references = time_references(drafts, plan, forecaster);
  std::map<std::string, std::size_t> with_own_length;  // the first row of each hash
  for (std::size_t i = 0; i < plan.rows.size(); ++i) {
    if (!references[i]) with_own_length.emplace(plan.rows[i].hash, i);
  }
  ErrorList errors;
  for (std::size_t i = 0; i < plan.rows.size(); ++i) {
    if (!references[i]) continue;
    const auto found = with_own_length.find(references[i]->hash);
    if (found == with_own_length.end()) {
      errors.add(fmt::format(
          "{}: match_time: no row of the sweep has the settings {} with seed {}; add it", file.path,
          json_text(varied_values(*references[i], plan.varied)), references[i]->seed));
      continue;
    }
    SweepRow& row = plan.rows[i];
    row.time_reference = found->second;
    row.hash = hash_of(row, plan.varied, references[i]->hash);
  }
  errors.throw_if_any();
}

// Two equal runs would train in one folder; the first stands for both.
void drop_repeated(SweepPlan& plan) {
  std::vector<SweepRow> kept;
  std::vector<std::size_t> place(plan.rows.size());  // of each row among those kept
  for (std::size_t i = 0; i < plan.rows.size(); ++i) {
    const auto same = [&](const SweepRow& row) { return row.hash == plan.rows[i].hash; };
    const auto found = std::find_if(kept.begin(), kept.end(), same);
    place[i] = static_cast<std::size_t>(found - kept.begin());
    if (found == kept.end()) kept.push_back(std::move(plan.rows[i]));
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
  SweepPlan plan;
  plan.name = flags.config.run_name;
  std::vector<DraftRow> drafts = draft_rows(file, over_all, plan.left_out);
  if (drafts.empty()) {
    fail(ExitCode::usage, "{}: its constraints leave out all {} combinations; loosen them",
         file.path, plan.left_out.size());
  }
  for (DraftRow& draft : drafts) {
    prepare(draft.row, forecaster);
    plan.rows.push_back(draft.row);
  }
  plan.varied = varied_options(plan.rows);
  identify(file, drafts, plan, forecaster);
  drop_repeated(plan);
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
