#include "combinations.h"

#include <algorithm>

#include <fmt/format.h>

#include "hgnn_moe/config/train_options.h"

namespace hgnn_moe {

namespace {

std::vector<Settings> product_of(const std::vector<SweepAxis>& axes) {
  std::vector<Settings> product(1);
  for (const SweepAxis& axis : axes) {
    std::vector<Settings> longer;
    for (const Settings& before : product) {
      for (const Settings& position : axis) {
        longer.push_back(before);
        longer.back().insert(position.begin(), position.end());
      }
    }
    product = std::move(longer);
  }
  return product;
}

// The constraint that leaves `config` out; null where none does.
const SweepConstraint* violated(const std::vector<SweepConstraint>& constraints,
                                const Json& config) {
  const auto is_violated = [&](const SweepConstraint& constraint) {
    return meets(constraint.when, config) && !meets(constraint.then, config);
  };
  const auto found = std::find_if(constraints.begin(), constraints.end(), is_violated);
  return found == constraints.end() ? nullptr : &*found;
}

std::string text_of(const SweepConstraint& constraint) {
  const std::string then = describe(constraint.then);
  if (constraint.when.empty()) return then;
  return fmt::format("if {} then {}", describe(constraint.when), then);
}

// A file of points alone means those; the base by itself is a run where nothing varies.
bool has_product(const SweepGroup& group) { return !group.axes.empty() || group.points.empty(); }

}  // namespace

Json values_of(const Settings& settings) {
  Json values = Json::object();
  for (const auto& [option, setting] : settings) values[option] = setting.value;
  return values;
}

std::vector<Combination> combinations_of(const SweepGroup& group, const Settings& flags,
                                         ConstraintEffects& effects) {
  std::vector<Combination> all;
  if (has_product(group)) {
    for (const Settings& varied : product_of(group.axes)) all.push_back({std::nullopt, varied, {}});
  }
  for (const SweepPoint& point : group.points) all.push_back({point.name, point.settings, {}});

  std::vector<Combination> kept;
  for (Combination& combination : all) {
    combination.settings = group.base;
    lay_over(combination.varied, combination.settings);
    lay_over(flags, combination.settings);
    const Json config = to_json(given_config(combination.settings));
    for (const SweepConstraint& constraint : group.constraints) {
      if (meets(constraint.when, config)) effects.applied.insert(constraint.place);
    }
    if (const SweepConstraint* constraint = violated(group.constraints, config)) {
      effects.left_out.push_back({group.name, combination.name, values_of(combination.varied),
                                  config, text_of(*constraint)});
    } else {
      kept.push_back(std::move(combination));
    }
  }
  return kept;
}

double number_of_rows(const SweepGroup& group) {
  double product = has_product(group) ? 1.0 : 0.0;
  for (const SweepAxis& axis : group.axes) product *= static_cast<double>(axis.size());
  const double seeds = std::max<double>(1.0, static_cast<double>(group.seeds.size()));
  return (product + static_cast<double>(group.points.size())) * seeds;
}

}  // namespace hgnn_moe
