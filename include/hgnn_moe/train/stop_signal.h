// SIGINT and SIGTERM as a request to save and stop.
#pragma once

#include <csignal>

namespace hgnn_moe {

// Catches both signals from construction to destruction, then restores the actions found. The
// first one is only noted; it also restores the default action, so that a second one ends the
// process at once. At most one object lives at a time.
class StopSignal {
 public:
  StopSignal();
  ~StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  // The signal's number; 0 until one has come.
  int received() const;

 private:
  struct sigaction previous_interrupt_;
  struct sigaction previous_terminate_;
};

}  // namespace hgnn_moe
