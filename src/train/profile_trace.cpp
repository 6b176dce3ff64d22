#include "profile_trace.h"

#include <algorithm>
#include <set>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <unistd.h>

#include "hgnn_moe/base/error.h"
#include "hgnn_moe/base/files.h"
#include "hgnn_moe/model/profile_scopes.h"

namespace hgnn_moe {

namespace {

namespace fs = std::filesystem;

// Removed at the end, with what the profiler itself adds to the name while it writes.
class TemporaryFile {
 public:
  explicit TemporaryFile(fs::path path) : path_(std::move(path)) {}
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  ~TemporaryFile() {
    std::error_code ignored;
    fs::remove(path_, ignored);
    fs::remove(path_.string() + ".tmp", ignored);
  }

  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (std::size_t at = text.find(from); at != std::string::npos;
       at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
}

bool is_of_device(const Json& event) {
  static const std::set<std::string> categories = {
      "kernel",       "gpu_memcpy",  "gpu_memset", "gpu_user_annotation",
      "cuda_runtime", "cuda_driver", "cuda_sync",  "cuda_event",
      "overhead",     "ac2g"};
  const auto category = event.find("cat");
  return category != event.end() && category->is_string() &&
         categories.count(category->get<std::string>()) > 0;
}

}  // namespace

void write_trace(const fs::path& path, const std::function<void(const std::string&)>& save,
                 bool has_device) {
  const TemporaryFile temporary(
      fs::path(path.string() + "." + std::to_string(::getpid()) + ".tmp"));
  save(temporary.path().string());
  std::string text;
  if (fs::exists(temporary.path())) text = read_text_file(temporary.path(), ExitCode::disk);
  const std::size_t last = text.find_last_not_of(" \n");
  if (last == std::string::npos || text[last] != '}') {
    fail(ExitCode::disk, "cannot write '{}': the trace is not complete; free disk space",
         path.string());
  }
  // The trace names its own file.
  replace_all(text, temporary.path().string(), path.string());
  if (has_device) {
    Json trace = parse_json(text, path.string(), ExitCode::internal);
    keep_steps_alone(trace);
    text = trace.dump() + "\n";
  }
  write_file_atomically(path, text);
}

void keep_steps_alone(Json& trace) {
  std::vector<std::pair<double, double>> steps;
  for (const Json& event : trace.at("traceEvents")) {
    if (event.value("name", "") != profile_scope::kStep ||
        event.value("cat", "") != "user_annotation") {
      continue;
    }
    const double begin = event.at("ts").get<double>();
    steps.emplace_back(begin, begin + event.at("dur").get<double>());
  }
  Json::array_t& events = trace.at("traceEvents").get_ref<Json::array_t&>();
  const auto is_between_steps = [&](const Json& event) {
    if (!is_of_device(event) || !event.contains("ts")) return false;
    const double begin = event.at("ts").get<double>();
    return std::none_of(steps.begin(), steps.end(), [&](const auto& step) {
      return step.first <= begin && begin <= step.second;
    });
  };
  events.erase(std::remove_if(events.begin(), events.end(), is_between_steps), events.end());
}

}  // namespace hgnn_moe
