#include "hgnn_moe/train/progress.h"

#include <algorithm>
#include <string>

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "hgnn_moe/base/text.h"

namespace hgnn_moe {
namespace {

constexpr double kRedrawInterval = 0.1;  // seconds; faster only flickers
constexpr int kLongestBar = 30;

// Seconds to the end at this process's mean speed.
double time_left(const ProgressOptions& options, const ProgressUpdate& update) {
  const double done = static_cast<double>(update.step - options.first_step);
  const double left = static_cast<double>(options.total_steps - update.step);
  return left == 0 ? 0 : update.seconds / done * left;
}

std::string facts(const ProgressOptions& options, const ProgressUpdate& update) {
  return fmt::format("step {}/{}  epoch {}/{}  loss {:.4f}  {:.0f} {}/s  {} left", update.step,
                     options.total_steps, update.epoch, options.epochs, update.loss,
                     update.items_per_second, options.items,
                     format_duration(time_left(options, update)));
}

// One column stays free: a terminal wraps when the last one is written.
std::string bar_line(const ProgressOptions& options, const ProgressUpdate& update) {
  const std::string text = facts(options, update);
  const int room = options.columns - 1 - static_cast<int>(text.size()) - 3;
  const int length = std::min(room, kLongestBar);
  const std::size_t visible = static_cast<std::size_t>(std::max(options.columns - 1, 0));
  if (length < 5) {
    return text.substr(0, visible);
  }
  const double part = static_cast<double>(update.step) / static_cast<double>(options.total_steps);
  const int filled = std::clamp(static_cast<int>(part * length), 0, length);
  return fmt::format("[{}{}] {}", std::string(static_cast<std::size_t>(filled), '#'),
                     std::string(static_cast<std::size_t>(length - filled), '.'), text);
}

}  // namespace

ProgressStyle choose_progress_style(bool quiet) {
  if (quiet) {
    return ProgressStyle::silent;
  }
  return isatty(STDERR_FILENO) != 0 ? ProgressStyle::bar : ProgressStyle::lines;
}

int terminal_columns() {
  struct winsize size{};
  if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
    return size.ws_col;
  }
  return 80;
}

void Progress::update(const ProgressUpdate& update) {
  if (!is_due(update)) {
    return;
  }
  last_shown_ = update.seconds;
  if (options_.style == ProgressStyle::lines) {
    out_ << facts(options_, update) << std::endl;
    return;
  }
  // Back to the first column, the line, then erase what an earlier, longer one left.
  out_ << '\r' << bar_line(options_, update) << "\x1b[K" << std::flush;
  bar_on_line_ = true;
  if (update.step == options_.total_steps) {
    out_ << std::endl;
    bar_on_line_ = false;
  }
}

void Progress::clear() {
  if (bar_on_line_) {
    out_ << "\r\x1b[K" << std::flush;
    bar_on_line_ = false;
  }
}

bool Progress::is_due(const ProgressUpdate& update) const {
  if (options_.style == ProgressStyle::silent) {
    return false;
  }
  const double interval =
      options_.style == ProgressStyle::bar ? kRedrawInterval : options_.line_interval;
  return update.step == options_.total_steps || update.seconds - last_shown_ >= interval;
}

}  // namespace hgnn_moe
