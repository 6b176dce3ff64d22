#include "hgnn_moe/sweep/condition.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "sweep_json.h"

namespace hgnn_moe {

namespace {

// A value as a resolved configuration has it, so that 3 and 3.0 are one number.
void read_value(const OptionSpec& spec, const Json& value, const std::string& where,
                Condition& condition, ErrorList& errors) {
  try {
    condition.values.push_back(value_of_json(spec, value, where));
  } catch (const Error& error) {
    errors.add(error.what());
  }
}

bool is_number(const OptionSpec& spec) {
  return std::holds_alternative<IntegerRange>(spec.domain) ||
         std::holds_alternative<RealRange>(spec.domain);
}

void read_bounds(const OptionSpec& spec, const Json& bounds, const std::string& where,
                 Condition& condition, ErrorList& errors) {
  check_keys(bounds, {"min", "max"}, where, errors);
  if (!is_number(spec)) {
    errors.add(
        fmt::format("{}: {} is no number; give a value or a list of values", where, spec.name));
  }
  if (bounds.empty()) errors.add(fmt::format("{}: it is empty; give min, max or both", where));
  const auto read = [&](const char* key, double& bound) {
    if (!bounds.contains(key)) return;
    if (bounds.at(key).is_number()) {
      bound = bounds.at(key).get<double>();
    } else {
      errors.add(fmt::format("{}.{} is {}; give a number", where, key, bounds.at(key).dump()));
    }
  };
  read("min", condition.min);
  read("max", condition.max);
  if (condition.min > condition.max) {
    errors.add(fmt::format("{}: min {} is above max {}, so that nothing meets it; correct them",
                           where, condition.min, condition.max));
  }
}

bool meets(const Condition& condition, const Json& value) {
  if (!condition.values.empty()) {
    return std::find(condition.values.begin(), condition.values.end(), value) !=
           condition.values.end();
  }
  if (!value.is_number()) return false;
  const auto number = value.get<double>();
  return number >= condition.min && number <= condition.max;
}

std::string text_of(const Json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

std::string describe(const Condition& condition) {
  if (!condition.values.empty()) {
    std::vector<std::string> values;
    for (const Json& value : condition.values) values.push_back(text_of(value));
    return fmt::format("{} is {}", condition.option, join(values, " or "));
  }
  std::vector<std::string> bounds;
  if (std::isfinite(condition.min)) bounds.push_back(fmt::format("at least {}", condition.min));
  if (std::isfinite(condition.max)) bounds.push_back(fmt::format("at most {}", condition.max));
  return fmt::format("{} is {}", condition.option, join(bounds, " and "));
}

}  // namespace

Conditions read_conditions(const Json& object, const std::string& where, ErrorList& errors) {
  Conditions conditions;
  if (!expect_object(object, where, "an object of options and conditions", errors)) return {};
  for (const auto& [option, value] : object.items()) {
    const OptionSpec* spec = find_option(option, where, errors);
    if (spec == nullptr) continue;
    const std::string here = where + "." + option;
    Condition condition;
    condition.option = option;
    if (value.is_object()) {
      read_bounds(*spec, value, here, condition, errors);
    } else if (value.is_array()) {
      if (value.empty()) errors.add(fmt::format("{}: no value is in an empty list", here));
      for (const Json& item : value) read_value(*spec, item, here, condition, errors);
    } else {
      read_value(*spec, value, here, condition, errors);
    }
    conditions.push_back(std::move(condition));
  }
  return conditions;
}

bool meets(const Conditions& conditions, const Json& config) {
  return std::all_of(conditions.begin(), conditions.end(), [&](const Condition& condition) {
    return meets(condition, config.at(condition.option));
  });
}

std::string describe(const Conditions& conditions) {
  std::vector<std::string> parts;
  for (const Condition& condition : conditions) parts.push_back(describe(condition));
  return join(parts, " and ");
}

}  // namespace hgnn_moe
