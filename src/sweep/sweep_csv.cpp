#include "sweep_csv.h"

#include <vector>

#include "hgnn_moe/base/text.h"

namespace hgnn_moe {

namespace {

// Text with commas, quotes or line ends is quoted; null is an empty field.
std::string field(const Json& value) {
  if (value.is_null()) return "";
  const std::string text = value.is_string() ? value.get<std::string>() : json_text(value);
  if (text.find_first_of(",\"\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

struct Column {
  std::string name;
  Json::json_pointer place;
};

std::vector<Column> columns_of(const Json& sweep) {
  std::vector<Column> columns;
  const auto add = [&](const std::string& folder, std::initializer_list<const char*> names) {
    for (const char* name : names) {
      columns.push_back({name, Json::json_pointer(folder + "/" + name)});
    }
  };
  add("", {"id", "group", "name"});
  for (const Json& option : sweep.at("varied")) {
    add("/settings", {option.get_ref<const std::string&>().c_str()});
  }
  add("", {"seed", "status", "reason", "data_mode", "graph"});
  columns.push_back({"parameters", Json::json_pointer("/parameters/total")});
  add("", {"steps", "tokens", "needed_flops", "best_eval_loss", "final_eval_loss"});
  add("/measured", {"seconds", "train_seconds", "tokens_per_s", "peak_memory_bytes"});
  return columns;
}

}  // namespace

std::string csv_of(const Json& sweep) {
  const std::vector<Column> columns = columns_of(sweep);
  std::vector<std::string> names;
  for (const Column& column : columns) names.push_back(column.name);
  std::string csv = join(names, ",") + "\n";
  for (const Json& row : sweep.at("rows")) {
    std::vector<std::string> fields;
    for (const Column& column : columns) {
      fields.push_back(row.contains(column.place) ? field(row.at(column.place)) : "");
    }
    csv += join(fields, ",") + "\n";
  }
  return csv;
}

}  // namespace hgnn_moe
