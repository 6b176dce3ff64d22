#include "hgnn_moe/train/tensorboard_file.h"

#include <chrono>
#include <cmath>
#include <fstream>
#include <functional>
#include <utility>

#include <fmt/format.h>

#include "folder_tools.h"

#include "hgnn_moe/base/files.h"

namespace hgnn_moe {
namespace {

namespace fs = std::filesystem;

double now() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

constexpr std::size_t kLongestPiece = 1 << 20;  // of past records, in bytes
constexpr char kNameStart[] = "events.out.tfevents.";

// Empties the files of earlier processes. A TensorBoard that still has the last one open then finds
// no more in it and goes on to the next; it would stay with one that is gone. What an earlier start
// has emptied it has left by now.
void clear_event_files(const fs::path& folder) {
  for (const fs::path& path : list_folder(folder)) {
    if (path.filename().string().rfind(kNameStart, 0) != 0) continue;
    AppendFile file(path);
    if (file.length() == 0) {
      remove_tree(path);
    } else {
      file.truncate_to(0);
    }
  }
}

// A later name each time: that is how TensorBoard finds the file that follows.
fs::path new_event_file(const fs::path& folder) {
  hgnn_moe::create_directories(folder);
  clear_event_files(folder);
  const auto microseconds = static_cast<std::int64_t>(1e6 * now());
  return folder /
         fmt::format("{}{}.{:06}", kNameStart, microseconds / 1'000'000, microseconds % 1'000'000);
}

std::string prefix_of(const Json& event) {
  const std::string kind = event.at("event");
  if (kind == "step") return "train/";
  if (kind == "eval") return "eval/";
  std::string prefix = fmt::format("layer{}/", event.at("layer").get<std::int64_t>());
  if (event.contains("coupler_layer")) {
    prefix += fmt::format("coupler_layer{}/", event.at("coupler_layer").get<std::int64_t>());
  }
  return prefix;
}

bool is_place(const std::string& key) {
  return key == "event" || key == "step" || key == "layer" || key == "coupler_layer";
}

void add_scalars(const std::string& tag, const Json& value, std::vector<ScalarValue>& scalars) {
  if (value.is_array()) {
    for (std::size_t i = 0; i < value.size(); ++i) {
      add_scalars(fmt::format("{}/{}", tag, i), value[i], scalars);
    }
  } else if (value.is_number() && std::isfinite(value.get<double>())) {
    scalars.push_back({tag, value.get<double>()});
  }
}

// How long training took for it.
double seconds_of(const Json& event) {
  if (event.at("event") != "step") return 0.0;
  for (const char* items : {"tokens", "triples"}) {
    const auto speed = event.find(fmt::format("{}_per_s", items));
    if (speed == event.end() || !speed->is_number()) continue;
    return event.at(items).get<double>() / speed->get<double>();
  }
  return 0.0;
}

// One after the other, because those of a long run would fill memory.
void for_each_event(const fs::path& metrics, const std::function<void(const Json&)>& visit) {
  std::ifstream lines(metrics);
  if (!lines) fail(ExitCode::checkpoint, "cannot read '{}'; restore it", metrics.string());
  std::int64_t number = 0;
  for (std::string line; std::getline(lines, line);) {
    const std::string source = fmt::format("'{}', event {}", metrics.string(), ++number);
    visit(parse_json(line, source, ExitCode::checkpoint));
  }
}

std::string record_of(const Json& event, double wall_time) {
  return scalar_record(wall_time, event.at("step"), tensorboard_scalars(event));
}

}  // namespace

std::vector<ScalarValue> tensorboard_scalars(const Json& event) {
  const std::string prefix = prefix_of(event);
  std::vector<ScalarValue> scalars;
  for (const auto& [key, value] : event.items()) {
    if (is_place(key)) continue;
    const bool is_list = value.is_array() && key.back() == 's';
    add_scalars(prefix + (is_list ? key.substr(0, key.size() - 1) : key), value, scalars);
  }
  return scalars;
}

TensorBoardFile::TensorBoardFile(const fs::path& folder, const fs::path& metrics)
    : file_(new_event_file(folder)) {
  write_past(metrics);
}

void TensorBoardFile::write_past(const fs::path& metrics) {
  double wall_time = now();
  for_each_event(metrics, [&](const Json& event) { wall_time -= seconds_of(event); });
  std::string records = version_record(wall_time) + restart_record(wall_time);
  for_each_event(metrics, [&](const Json& event) {
    wall_time += seconds_of(event);
    records += record_of(event, wall_time);
    if (records.size() < kLongestPiece) return;
    file_.append(records);
    records.clear();
  });
  file_.append(records);
}

void TensorBoardFile::write(const Json& event) { file_.append(record_of(event, now())); }

}  // namespace hgnn_moe
