#include "sweep_json.h"

#include <algorithm>

#include <fmt/format.h>

#include "hgnn_moe/base/text.h"
#include "hgnn_moe/config/train_options.h"

namespace hgnn_moe {

namespace {

const std::vector<OptionSpec>& run_options() {
  static const std::vector<OptionSpec> specs = train_option_table().specs();
  return specs;
}

}  // namespace

Json object_of(const std::string& name, const Json& value) {
  Json object = Json::object();
  object[name] = value;
  return object;
}

const OptionSpec* find_option(const std::string& name, const std::string& where,
                              ErrorList& errors) {
  std::vector<std::string> names;
  for (const OptionSpec& spec : run_options()) {
    if (spec.name == name) return &spec;
    names.push_back(spec.name);
  }
  const auto match = closest_match(name, names);
  errors.add(fmt::format(
      "{}: there is no option \"{}\"; {}", where, name,
      match ? fmt::format("did you mean {}?", *match) : std::string("--help lists all of them")));
  return nullptr;
}

void check_keys(const Json& object, const std::vector<std::string>& known, const std::string& where,
                ErrorList& errors) {
  for (const auto& [key, value] : object.items()) {
    if (std::find(known.begin(), known.end(), key) != known.end()) continue;
    const auto match = closest_match(key, known);
    errors.add(fmt::format(
        "{}: there is no key \"{}\"; {}", where, key,
        match ? fmt::format("did you mean {}?", *match) : "there are " + join(known, ", ")));
  }
}

bool expect_object(const Json& value, const std::string& where, const char* what,
                   ErrorList& errors) {
  if (value.is_object()) return true;
  errors.add(fmt::format("{}: it holds a JSON {}; write {}", where, value.type_name(), what));
  return false;
}

bool expect_list(const Json& value, const std::string& where, const char* what, ErrorList& errors) {
  if (value.is_array() && !value.empty()) return true;
  errors.add(fmt::format(
      "{}: it holds {}; write {}", where,
      value.is_array() ? "an empty list" : fmt::format("a JSON {}", value.type_name()), what));
  return false;
}

bool expect_text(const Json& value, const std::string& where, ErrorList& errors) {
  if (value.is_string()) return true;
  errors.add(fmt::format("{}: it holds a JSON {}; write text", where, value.type_name()));
  return false;
}

}  // namespace hgnn_moe
