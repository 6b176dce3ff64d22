// SIGINT, SIGTERM and SIGHUP as a request to save and stop.
#pragma once

#include <array>
#include <csignal>

namespace hgnn_moe {

// Catches the signals from construction to destruction, then restores the actions found. The
// first one is only noted; another one kRepeatSeconds later ends the process at once. At most
// one object lives at a time.
class StopSignal {
 public:
  static constexpr int kRepeatSeconds = 2;  // counted in whole seconds, so at least one

  StopSignal();
  ~StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  // The number of the first signal caught; 0 where none has come.
  int received() const { return last_received(); }

  // That of the newest object, also after its end.
  static int last_received();

 private:
  static constexpr std::array<int, 3> kSignals{SIGINT, SIGTERM, SIGHUP};

  std::array<struct sigaction, kSignals.size()> previous_;
};

}  // namespace hgnn_moe
