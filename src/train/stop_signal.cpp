#include "hgnn_moe/train/stop_signal.h"

#include <atomic>

#include "hgnn_moe/base/error.h"

namespace hgnn_moe {
namespace {

// A handler can reach nothing but a global.
volatile std::sig_atomic_t received_signal = 0;
std::atomic<bool> installed = false;

// Only async-signal-safe calls.
extern "C" void note_signal(int number) {
  received_signal = number;
  struct sigaction by_default{};
  by_default.sa_handler = SIG_DFL;
  sigaction(SIGINT, &by_default, nullptr);
  sigaction(SIGTERM, &by_default, nullptr);
}

}  // namespace

StopSignal::StopSignal() {
  HGNN_MOE_ASSERT(!installed.exchange(true), "two StopSignal objects at once");
  received_signal = 0;
  struct sigaction action{};
  action.sa_handler = note_signal;
  action.sa_flags = SA_RESTART;  // a write in progress goes on
  sigaction(SIGINT, &action, &previous_interrupt_);
  sigaction(SIGTERM, &action, &previous_terminate_);
}

StopSignal::~StopSignal() {
  sigaction(SIGINT, &previous_interrupt_, nullptr);
  sigaction(SIGTERM, &previous_terminate_, nullptr);
  installed = false;
}

int StopSignal::received() const { return received_signal; }

}  // namespace hgnn_moe
