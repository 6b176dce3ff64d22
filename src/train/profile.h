// What the option `profile` does in a run: N updates after the first of the process, recorded and
// written into the run's folder.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>

#include <c10/core/Device.h>
#include <spdlog/logger.h>

#include "profile_recorder.h"

namespace hgnn_moe {

class StepProfile {
 public:
  // `steps` is the option's value. Files go to `folder`; the table also to `log`.
  StepProfile(std::int64_t steps, std::filesystem::path folder, c10::Device device,
              spdlog::logger& log);

  // Before the first of `remaining` steps. Says where they are too few, and throws Error(disk)
  // where the folder cannot be written.
  void begin(std::int64_t remaining);

  // Around one step; nothing is recorded from end_step() to begin_step(). A step that updated
  // nothing does not count.
  void begin_step();
  void end_step(bool updated);

  // There are steps to write, all of them or some.
  bool is_recording() const { return recorder_ != nullptr; }
  bool is_complete() const { return is_recording() && recorded_ == steps_; }
  // There are steps to record or to warm up with.
  bool is_pending() const { return recorded_ < steps_; }

  // Writes what is recorded and ends the recording. Throws Error(disk).
  void write();

 private:
  std::int64_t steps_;
  std::filesystem::path folder_;
  c10::Device device_;
  spdlog::logger& log_;
  bool warm_ = false;
  std::int64_t recorded_ = 0;
  std::unique_ptr<ProfileRecorder> recorder_;
};

}  // namespace hgnn_moe
