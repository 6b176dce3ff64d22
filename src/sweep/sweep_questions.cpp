#include "sweep_questions.h"

#include <algorithm>
#include <array>
#include <vector>

#include <fmt/format.h>

#include "contains.h"
#include "sweep_json.h"

#include "hgnn_moe/sweep/condition.h"

namespace hgnn_moe {

namespace {

// What a question may ask of a row beside its options.
constexpr std::array<const char*, 2> kRowFields = {"group", "name"};

bool is_row_field(const std::string& name) {
  return std::find(kRowFields.begin(), kRowFields.end(), name) != kRowFields.end();
}

// Conditions on options, and on the fields of a row a text or a list of texts.
void check_conditions(const Json& conditions, const std::string& where, ErrorList& errors) {
  Json on_options = conditions;
  for (const char* field : kRowFields) {
    if (!on_options.is_object() || !on_options.contains(field)) continue;
    const Json& value = conditions.at(field);
    const Json texts = value.is_array() ? value : Json::array({value});
    if (texts.empty()) errors.add(fmt::format("{}.{}: no value is in an empty list", where, field));
    for (const Json& text : texts) expect_text(text, fmt::format("{}.{}", where, field), errors);
    on_options.erase(field);
  }
  read_conditions(on_options, where, errors);
}

// The names that a question's factor gives, those that are text.
std::vector<std::string> factors_of(const Json& question) {
  const Json factor = question.value("factor", Json::array());
  std::vector<std::string> names;
  for (const Json& name : factor.is_array() ? factor : Json::array({factor})) {
    if (name.is_string()) names.push_back(name.get<std::string>());
  }
  return names;
}

void check_factor(const Json& question, const std::string& where, ErrorList& errors) {
  if (!question.contains("factor")) {
    errors.add(where + ": it has no factor; give the option, or the options, that it compares");
    return;
  }
  const Json& factor = question.at("factor");
  const Json options = factor.is_array() ? factor : Json::array({factor});
  if (options.empty()) errors.add(where + ".factor: it names no option; give at least one");
  for (const Json& option : options) {
    if (!expect_text(option, where + ".factor", errors)) continue;
    const auto name = option.get<std::string>();
    if (name == "seed") {
      errors.add(where +
                 ".factor: seed is no factor, because every figure is over seeds; name options");
    } else if (!is_row_field(name)) {
      find_option(name, where + ".factor", errors);
    }
  }
}

// A baseline is one value of the factor, or of several.
void check_baseline(const Json& question, const std::string& where, ErrorList& errors) {
  const Json& baseline = question.at("baseline");
  check_conditions(baseline, where + ".baseline", errors);
  const std::vector<std::string> factors = factors_of(question);
  if (!baseline.is_object() || factors.empty()) return;
  if (baseline.empty()) {
    errors.add(where + ".baseline: it is empty; give values of the factor, or null for none");
  }
  for (const auto& [option, value] : baseline.items()) {
    if (contains(factors, option)) continue;
    errors.add(
        fmt::format("{}.baseline: {} is not of the factor ({}); add it there, or move it "
                    "to where",
                    where, option, join(factors, ", ")));
  }
}

void check_question(const Json& question, const std::string& where, ErrorList& errors) {
  if (!expect_object(question, where, "an object", errors)) return;
  check_keys(question, {"title", "factor", "where", "baseline"}, where, errors);
  if (!question.contains("title")) {
    errors.add(where + ": it has no title; give the question");
  } else {
    expect_text(question.at("title"), where + ".title", errors);
  }
  check_factor(question, where, errors);
  if (question.contains("where")) check_conditions(question.at("where"), where + ".where", errors);
  if (question.contains("baseline") && !question.at("baseline").is_null()) {
    check_baseline(question, where, errors);
  }
}

bool is_range(const Json& value) {
  return value.is_array() && value.size() == 2 && value[0].is_number() && value[1].is_number() &&
         value[0] <= value[1];
}

void check_target(const Json& target, const std::string& where, ErrorList& errors) {
  if (!expect_object(target, where, "an object", errors)) return;
  check_keys(target, {"where", "eval_loss", "minutes", "source"}, where, errors);
  if (target.contains("where")) check_conditions(target.at("where"), where + ".where", errors);
  if (!target.contains("eval_loss")) {
    errors.add(where + ": it has no eval_loss; give a number or [low, high]");
  } else if (!target.at("eval_loss").is_number() && !is_range(target.at("eval_loss"))) {
    errors.add(fmt::format("{}.eval_loss is {}; give a number or [low, high]", where,
                           target.at("eval_loss").dump()));
  }
  if (target.contains("minutes") &&
      !(target.at("minutes").is_number() && target.at("minutes") > 0)) {
    errors.add(
        fmt::format("{}.minutes is {}; give a number above 0", where, target.at("minutes").dump()));
  }
  if (!target.contains("source")) {
    errors.add(where + ": it has no source; say who expects it");
  } else {
    expect_text(target.at("source"), where + ".source", errors);
  }
}

template <typename Check>
Json read_list(const Json& file, const char* key, const std::string& path, Check check,
               ErrorList& errors) {
  if (!file.contains(key)) return Json::array();
  const Json& list = file.at(key);
  const std::string where = path + ": " + key;
  if (!expect_list(list, where, "a list of objects", errors)) return Json::array();
  for (std::size_t i = 0; i < list.size(); ++i) {
    check(list[i], fmt::format("{}[{}]", where, i), errors);
  }
  return list;
}

// Two sections of a report under one title could not be told apart.
void reject_repeated_titles(const Json& questions, const std::string& path, ErrorList& errors) {
  std::vector<std::string> titles;
  for (std::size_t i = 0; i < questions.size(); ++i) {
    const Json& question = questions[i];
    if (!question.is_object() || !question.contains("title")) continue;
    if (!question.at("title").is_string()) continue;
    const auto title = question.at("title").get<std::string>();
    if (contains(titles, title)) {
      errors.add(
          fmt::format("{}: questions[{}]: an earlier question has the title \"{}\", too; "
                      "rename one",
                      path, i, title));
    }
    titles.push_back(title);
  }
}

}  // namespace

Json read_questions(const Json& file, const std::string& path, ErrorList& errors) {
  const Json questions = read_list(file, "questions", path, check_question, errors);
  reject_repeated_titles(questions, path, errors);
  return questions;
}

Json read_expected(const Json& file, const std::string& path, ErrorList& errors) {
  return read_list(file, "expected", path, check_target, errors);
}

}  // namespace hgnn_moe
