#include "sweep_options.h"

#include <algorithm>
#include <filesystem>

#include <fmt/format.h>

#include "contains.h"
#include "sweep_json.h"

#include "hgnn_moe/config/train_options.h"

namespace hgnn_moe {

namespace {

const std::vector<OptionSpec>& run_options() {
  static const std::vector<OptionSpec> specs = train_option_table().specs();
  return specs;
}

void reject_outside_option(const std::string& name, const std::string& where, ErrorList& errors) {
  errors.add(fmt::format("{}: {} is not for the runs of a sweep; drop it", where, name));
}

// A dumped configuration has every option; one with its default asks for nothing.
bool is_default(const std::string& option, const Json& value) {
  const auto is_it = [&](const OptionSpec& spec) { return spec.name == option; };
  const auto spec = std::find_if(run_options().begin(), run_options().end(), is_it);
  return value.is_null() || value == spec->default_value;
}

// The configuration of one run, whose name and folder are not the sweep's.
void read_base_file(const std::string& path, Settings& settings, ErrorList& errors) {
  Settings layer = read_settings_file(run_options(), path, errors);
  for (const char* own : {"run_name", "checkpoint_dir", "quiet"}) layer.erase(own);
  for (const std::string& option : options_outside_sweeps()) {
    const auto found = layer.find(option);
    if (found == layer.end()) continue;
    if (!is_default(option, found->second.value)) reject_outside_option(option, path, errors);
    layer.erase(found);
  }
  lay_over(layer, settings);
}

// Whether runs of a sweep can be given the option at all, beside seeds.
bool can_vary(const std::string& option) {
  const auto is_it = [&](const OptionSpec& spec) { return spec.name == option; };
  return option != "seed" && !contains(options_outside_sweeps(), option) &&
         std::any_of(run_options().begin(), run_options().end(), is_it);
}

constexpr const char* kListOfValues = "a list of values";

// An object of options and lists of values that names at least one option.
bool expect_axes(const Json& object, const std::string& where, ErrorList& errors) {
  if (!expect_object(object, where, "an object of options and lists of values", errors)) {
    return false;
  }
  if (object.empty()) errors.add(where + ": it names no option; give one, or drop it");
  return !object.empty();
}

// A setting of `option` for each value, at its place.
SweepAxis read_axis(const std::string& option, const Json& values, const std::string& where,
                    ErrorList& errors) {
  SweepAxis axis;
  for (const Json& value : values) {
    axis.push_back(read_varied_options(object_of(option, value), where, errors));
    // That is one mistake, however many values it has; others are of a value.
    if (!can_vary(option)) return SweepAxis(values.size());
  }
  return axis;
}

void reject_repeated_values(const Json& values, const std::string& where, ErrorList& errors) {
  for (auto value = values.begin(); value != values.end(); ++value) {
    if (std::find(values.begin(), value, *value) == value) continue;
    errors.add(fmt::format("{}: {} stands there twice; drop one", where, value->dump()));
  }
}

SweepAxis read_zip(const Json& zip, const std::string& where, ErrorList& errors) {
  SweepAxis axis;
  if (!expect_axes(zip, where, errors)) return axis;
  for (const auto& [option, values] : zip.items()) {
    const std::string here = where + "." + option;
    if (!expect_list(values, here, kListOfValues, errors)) continue;
    const SweepAxis column = read_axis(option, values, where, errors);
    if (axis.empty()) {
      axis = column;
    } else if (column.size() != axis.size()) {
      errors.add(
          fmt::format("{}: it has {} values and the options before it have {}; lists of a zip go "
                      "side by side, so make them equally long",
                      here, column.size(), axis.size()));
    } else {
      for (std::size_t i = 0; i < axis.size(); ++i)
        axis[i].insert(column[i].begin(), column[i].end());
    }
  }
  return axis;
}

}  // namespace

Settings read_options(const Json& object, const std::string& where, ErrorList& errors) {
  if (!expect_object(object, where, "an object of options", errors)) return {};
  Settings settings = settings_of_object(run_options(), object, where, where, errors);
  for (const std::string& name : options_outside_sweeps()) {
    if (settings.erase(name) > 0) reject_outside_option(name, where, errors);
  }
  return settings;
}

Settings read_varied_options(const Json& object, const std::string& where, ErrorList& errors) {
  Settings settings = read_options(object, where, errors);
  if (settings.erase("seed") > 0) {
    errors.add(fmt::format("{}: seed is varied by seeds; move it there", where));
  }
  return settings;
}

void read_base(const Json& base, const std::string& folder, const std::string& where,
               Settings& settings, ErrorList& errors) {
  if (base.is_array()) {
    for (const Json& part : base) read_base(part, folder, where, settings, errors);
  } else if (base.is_string()) {
    const auto path = std::filesystem::path(folder) / base.get<std::string>();
    std::error_code missing;
    if (!std::filesystem::exists(path, missing) || std::filesystem::is_directory(path, missing)) {
      errors.add(
          fmt::format("{}: there is no file {}; give the path of a configuration, relative to the "
                      "sweep file",
                      where, path.string()));
    } else {
      read_base_file(path.string(), settings, errors);
    }
  } else if (base.is_object()) {
    lay_over(read_options(base, where, errors), settings);
  } else {
    errors.add(
        fmt::format("{}: it holds a JSON {}; write the path of a configuration, an object of "
                    "options, or a list of both",
                    where, base.type_name()));
  }
}

std::vector<SweepAxis> read_grid(const Json& grid, const std::string& where, ErrorList& errors) {
  std::vector<SweepAxis> axes;
  if (!expect_axes(grid, where, errors)) return axes;
  for (const auto& [option, values] : grid.items()) {
    const std::string here = where + "." + option;
    if (!expect_list(values, here, kListOfValues, errors)) continue;
    reject_repeated_values(values, here, errors);
    axes.push_back(read_axis(option, values, where, errors));
  }
  return axes;
}

std::vector<SweepAxis> read_zips(const Json& zip, const std::string& where, ErrorList& errors) {
  std::vector<SweepAxis> axes;
  if (!zip.is_array() || zip.empty()) {
    axes.push_back(read_zip(zip, where, errors));
    return axes;
  }
  for (std::size_t i = 0; i < zip.size(); ++i) {
    axes.push_back(read_zip(zip[i], fmt::format("{}[{}]", where, i), errors));
  }
  return axes;
}

}  // namespace hgnn_moe
