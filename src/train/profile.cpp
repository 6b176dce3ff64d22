#include "profile.h"

#include <algorithm>
#include <utility>

#include "profile_report.h"
#include "profile_table.h"

#include "hgnn_moe/base/error.h"
#include "hgnn_moe/base/files.h"

namespace hgnn_moe {

namespace {

constexpr const char* kTraceFile = "trace.json";
constexpr const char* kTextFile = "table.txt";
constexpr const char* kJsonFile = "table.json";

}  // namespace

StepProfile::StepProfile(std::int64_t steps, std::filesystem::path folder, c10::Device device,
                         spdlog::logger& log)
    : steps_(steps), folder_(std::move(folder)), device_(device), log_(log) {}

void StepProfile::begin(std::int64_t remaining) {
  if (steps_ == 0) return;
  const std::int64_t possible = std::max<std::int64_t>(remaining - 1, 0);
  if (possible < steps_) {
    log_.warn("profile {}: steps to train are {}, of which the first warms up: {} of them profiled",
              steps_, remaining, possible);
  }
  if (possible == 0) return;
  hgnn_moe::create_directories(folder_);
  const AtomicFile probe(folder_ / kTraceFile);
}

void StepProfile::begin_step() {
  if (!warm_ || recorded_ == steps_) return;
  if (recorder_ == nullptr) recorder_ = std::make_unique<ProfileRecorder>(device_);
  recorder_->resume();
}

void StepProfile::end_step(bool updated) {
  if (recorder_ != nullptr) {
    recorder_->pause();
    if (updated) ++recorded_;
  }
  if (updated) warm_ = true;
}

void StepProfile::write() {
  HGNN_MOE_ASSERT(is_recording(), "no profile to write");
  const std::unique_ptr<ProfileRecorder> recorder = std::move(recorder_);
  const std::vector<ProfiledEvent> events = recorder->finish(folder_ / kTraceFile);
  const ProfileTable table = make_profile_table(events);
  const std::string text = profile_text(table, device_.str());
  write_file_atomically(folder_ / kTextFile, text);
  write_file_atomically(folder_ / kJsonFile, profile_record(table, device_.str()).dump(2) + "\n");
  log_.info("profile in {}\n{}", folder_.string(), text);
}

}  // namespace hgnn_moe
