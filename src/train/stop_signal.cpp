#include "hgnn_moe/train/stop_signal.h"

#include <atomic>

#include <time.h>

#include "hgnn_moe/base/error.h"

namespace hgnn_moe {
namespace {

// A handler can reach nothing but globals.
volatile std::sig_atomic_t received_signal = 0;
volatile std::sig_atomic_t received_second = 0;
std::atomic<bool> installed = false;

std::sig_atomic_t monotonic_second() {
  struct timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::sig_atomic_t>(now.tv_sec);
}

// Only async-signal-safe calls. Tools such as timeout(1) send a signal to the process and then to
// its group: a repeat within the same moment is the same request.
extern "C" void note_signal(int number) {
  const std::sig_atomic_t now = monotonic_second();
  if (received_signal == 0) {
    received_second = now;
    received_signal = number;
    return;
  }
  if (now - received_second < StopSignal::kRepeatSeconds) return;
  std::signal(number, SIG_DFL);
  raise(number);  // delivered when this handler returns
}

}  // namespace

StopSignal::StopSignal() {
  HGNN_MOE_ASSERT(!installed.exchange(true), "two StopSignal objects at once");
  received_signal = 0;
  struct sigaction action{};
  action.sa_handler = note_signal;
  action.sa_flags = SA_RESTART;  // a write in progress goes on
  for (std::size_t i = 0; i < kSignals.size(); ++i) {
    sigaction(kSignals[i], nullptr, &previous_[i]);
    // nohup ignores SIGHUP for its child; that stays so.
    const bool ignored = kSignals[i] == SIGHUP && previous_[i].sa_handler == SIG_IGN;
    if (!ignored) sigaction(kSignals[i], &action, nullptr);
  }
}

StopSignal::~StopSignal() {
  for (std::size_t i = 0; i < kSignals.size(); ++i) {
    sigaction(kSignals[i], &previous_[i], nullptr);
  }
  installed = false;
}

int StopSignal::last_received() { return received_signal; }

}  // namespace hgnn_moe
