// LibTorch's own profiler, Kineto, over parts of this thread's work.
#pragma once

#include <filesystem>
#include <memory>
#include <vector>

#include <c10/core/Device.h>

#include "profile_events.h"

namespace hgnn_moe {

// Records from resume() to pause(), any number of times. One at a time in a process.
class ProfileRecorder {
 public:
  explicit ProfileRecorder(c10::Device device);
  ~ProfileRecorder();  // ends a recording without a result
  ProfileRecorder(const ProfileRecorder&) = delete;
  ProfileRecorder& operator=(const ProfileRecorder&) = delete;

  void resume();
  void pause();

  // Ends the recording, writes it as a Chrome trace and returns its events in the order of their
  // beginnings, parents before children. Call once, last. Throws Error(disk).
  std::vector<ProfiledEvent> finish(const std::filesystem::path& trace);

 private:
  c10::Device device_;
  bool recording_ = false;  // started and not finished
};

}  // namespace hgnn_moe
