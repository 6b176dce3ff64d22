#include "unmatched_parts.h"

#include <algorithm>
#include <iterator>
#include <optional>

#include <fmt/format.h>

#include "contains.h"
#include "sweep_json.h"

#include "hgnn_moe/base/text.h"
#include "hgnn_moe/config/train_options.h"
#include "hgnn_moe/sweep/condition.h"

namespace hgnn_moe {

namespace {

using Texts = std::vector<std::string>;

// A row, or a combination that would have been one.
struct Candidate {
  std::string group;
  std::string name;  // "" where it has none
  Json config;
  Texts open;  // options whose values are chosen later
};

// What a question or an expected figure asks of a row; read_questions has checked it.
struct RowConditions {
  std::optional<Texts> groups, names;
  Conditions options;
};

RowConditions conditions_of(Json object) {
  RowConditions conditions;
  const auto take = [&](const char* field, std::optional<Texts>& texts) {
    if (!object.contains(field)) return;
    const Json& value = object.at(field);
    texts = value.is_array() ? value.get<Texts>() : Texts{value.get<std::string>()};
    object.erase(field);
  };
  take("group", conditions.groups);
  take("name", conditions.names);
  ErrorList checked;
  conditions.options = read_conditions(object, "", checked);
  return conditions;
}

bool is_met(const RowConditions& conditions, const Candidate& row) {
  if (conditions.groups && !contains(*conditions.groups, row.group)) return false;
  if (conditions.names && !contains(*conditions.names, row.name)) return false;
  return std::all_of(
      conditions.options.begin(), conditions.options.end(), [&](const Condition& condition) {
        return contains(row.open, condition.option) || meets({condition}, row.config);
      });
}

using Candidates = std::vector<const Candidate*>;

Candidates those_that_meet(const RowConditions& conditions, const Candidates& rows) {
  Candidates found;
  const auto is_one = [&](const Candidate* row) { return is_met(conditions, *row); };
  std::copy_if(rows.begin(), rows.end(), std::back_inserter(found), is_one);
  return found;
}

Candidates pointers_to(const std::vector<Candidate>& rows) {
  Candidates pointers;
  for (const Candidate& row : rows) pointers.push_back(&row);
  return pointers;
}

Candidate candidate_of(const SweepRow& row) {
  Candidate candidate{row.group, row.name.value_or(""), to_json(row.config), {}};
  const auto open = [&](const Texts& options) {
    candidate.open.insert(candidate.open.end(), options.begin(), options.end());
  };
  if (!row.unmatched.is_null()) open({"embed_dim", "num_layers", "num_heads"});
  if (row.time_reference) open({"max_steps", "epochs"});
  return candidate;
}

class PartCheck {
 public:
  PartCheck(const SweepFile& file, const SweepPlan& plan, const Settings& flags, ErrorList& errors)
      : file_(file), flags_(flags), some_are_repeated_(plan.repeated > 0), errors_(errors) {
    for (const SweepRow& row : plan.rows) planned_.push_back(candidate_of(row));
    for (const LeftOutCombination& one : plan.left_out) {
      unplanned_.push_back({one.group, one.name.value_or(""), one.config, {}});
    }
    rows_ = pointers_to(planned_);
    left_out_ = pointers_to(unplanned_);
    for (const SweepGroup& group : file.groups) {
      groups_.push_back(group.name);
      for (const SweepPoint& point : group.points) {
        if (point.name) names_.push_back(*point.name);
      }
    }
  }

  Texts run(const std::set<std::string>& applied) {
    check_constraints(applied);
    for (std::size_t i = 0; i < file_.questions.size(); ++i) {
      check_question(file_.questions[i], fmt::format("{}: questions[{}]", file_.path, i));
    }
    for (std::size_t i = 0; i < file_.expected.size(); ++i) {
      matched_rows(file_.expected[i], fmt::format("{}: expected[{}]", file_.path, i));
    }
    return warnings_;
  }

 private:
  void check_constraints(const std::set<std::string>& applied) {
    for (const SweepGroup& group : file_.groups) {
      for (const SweepConstraint& constraint : group.constraints) {
        if (applied.count(constraint.place) > 0) continue;
        warn(fmt::format("{}: nothing meets its \"if\" ({}), so it leaves nothing out",
                         constraint.place, describe(constraint.when)));
      }
    }
  }

  void check_question(const Json& question, const std::string& place) {
    const Candidates rows = matched_rows(question, place);
    if (rows.empty()) return;
    check_factor(question.at("factor"), rows, place + ".factor");
    if (!question.contains("baseline") || question.at("baseline").is_null()) return;
    const Json& asked = question.at("baseline");
    const RowConditions baseline = conditions_of(asked);
    if (!check_names(baseline, place + ".baseline")) return;
    if (!those_that_meet(baseline, rows).empty()) return;
    const RowConditions where = where_of(question);
    const bool is_left_out = !those_that_meet(baseline, those_that_meet(where, left_out_)).empty();
    report(baseline, is_left_out,
           fmt::format("{}.baseline: none of the {} rows that the question is about has {}", place,
                       rows.size(), asked.dump()));
  }

  // Those that `where` of a question or an expected figure is about; none where that is reported.
  Candidates matched_rows(const Json& part, const std::string& place) {
    const RowConditions where = where_of(part);
    if (!check_names(where, place + ".where")) return {};
    Candidates rows = those_that_meet(where, rows_);
    if (rows.empty()) {
      report(where, !those_that_meet(where, left_out_).empty(),
             fmt::format("{}.where: no row has {}", place, part.at("where").dump()));
    } else {
      check_listed_values(where, place + ".where");
    }
    return rows;
  }

  static RowConditions where_of(const Json& part) {
    return part.contains("where") ? conditions_of(part.at("where")) : RowConditions{};
  }

  // Notes names of groups and points that the file does not have. Returns whether all are there.
  bool check_names(const RowConditions& conditions, const std::string& place) {
    const bool groups = check_names("group", conditions.groups, groups_, place);
    const bool names = check_names("name", conditions.names, names_, place);
    return groups && names;
  }

  bool check_names(const char* what, const std::optional<Texts>& asked, const Texts& known,
                   const std::string& place) {
    bool all_known = true;
    for (const std::string& text : asked.value_or(Texts())) {
      if (contains(known, text)) continue;
      all_known = false;
      const auto match = closest_match(text, known);
      errors_.add(fmt::format(
          "{}.{}: no {} has the name \"{}\"; {}", place, what,
          what == std::string("name") ? "point" : "group", text,
          match ? fmt::format("did you mean {}?", *match) : std::string("correct it, or drop it")));
    }
    return all_known;
  }

  // Where others of a list are there, a value that is not may stand for a larger sweep.
  void check_listed_values(const RowConditions& conditions, const std::string& place) {
    const auto has_value = [&](const Candidates& rows, const Condition& condition) {
      return std::any_of(rows.begin(), rows.end(), [&](const Candidate* row) {
        return contains(row->open, condition.option) || meets({condition}, row->config);
      });
    };
    for (const Condition& condition : conditions.options) {
      for (const Json& value : condition.values) {
        const Condition alone{condition.option, {value}};
        if (has_value(rows_, alone) || has_value(left_out_, alone)) continue;
        warn(fmt::format("{}.{}: no row has {}", place, condition.option, value.dump()));
      }
    }
  }

  void check_factor(const Json& factor, const Candidates& rows, const std::string& place) {
    const Texts names = factor.is_array() ? factor.get<Texts>() : Texts{factor.get<std::string>()};
    const auto value = [](const Candidate& row, const std::string& name) {
      if (name == "group") return Json(row.group);
      if (name == "name") return Json(row.name);
      return contains(row.open, name) ? Json("open") : row.config.at(name);
    };
    const auto varies = [&](const std::string& name) {
      return std::any_of(rows.begin(), rows.end(), [&](const Candidate* row) {
        return value(*row, name) != value(*rows.front(), name);
      });
    };
    // Of several it may be one that varies elsewhere.
    if (std::any_of(names.begin(), names.end(), varies)) return;
    warn(
        fmt::format("{}: {} does not vary among the rows that the question is about ({}), so "
                    "there is nothing to compare",
                    place, join(names, " or "), rows.size()));
  }

  // An error, unless a constraint, a flag or an equal run that stands for another is the reason.
  void report(const RowConditions& conditions, bool is_left_out, const std::string& sentence) {
    const auto is_flag = [&](const Condition& condition) {
      return flags_.count(condition.option) > 0;
    };
    const bool asks_for_place = conditions.groups || conditions.names;
    if (is_left_out) {
      warn(sentence + ": constraints leave them out");
    } else if (std::any_of(conditions.options.begin(), conditions.options.end(), is_flag)) {
      warn(sentence + ", because of the flags");
    } else if (asks_for_place && some_are_repeated_) {
      warn(sentence + "; an equal run of another place may stand for them");
    } else {
      errors_.add(sentence + "; correct it, or drop it");
    }
  }

  // Constraints outside of groups stand in each of them.
  void warn(const std::string& sentence) {
    if (!contains(warnings_, sentence)) warnings_.push_back(sentence);
  }

  const SweepFile& file_;
  const Settings& flags_;
  bool some_are_repeated_;
  ErrorList& errors_;
  std::vector<Candidate> planned_, unplanned_;
  Candidates rows_, left_out_;  // pointers to these
  Texts groups_, names_;
  Texts warnings_;
};

}  // namespace

std::vector<std::string> unmatched_parts(const SweepFile& file, const SweepPlan& plan,
                                         const Settings& flags,
                                         const std::set<std::string>& applied, ErrorList& errors) {
  return PartCheck(file, plan, flags, errors).run(applied);
}

}  // namespace hgnn_moe
