#include "hgnn_moe/base/log.h"

#include <atomic>
#include <exception>
#include <vector>

#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_color_sinks.h>

#include "hgnn_moe/base/error.h"

namespace hgnn_moe {

std::shared_ptr<spdlog::logger> make_logger(bool quiet,
                                            const std::optional<std::filesystem::path>& log_file) {
  auto terminal = std::make_shared<spdlog::sinks::stderr_color_sink_mt>();
  terminal->set_level(quiet ? spdlog::level::warn : spdlog::level::trace);
  terminal->set_pattern("%H:%M:%S %^%l%$ %v");
  std::vector<spdlog::sink_ptr> sinks = {terminal};
  if (log_file) {
    try {
      auto file = std::make_shared<spdlog::sinks::basic_file_sink_mt>(log_file->string());
      file->set_pattern("%Y-%m-%d %H:%M:%S.%e %l %v");
      sinks.push_back(std::move(file));
    } catch (const spdlog::spdlog_ex& error) {
      fail(ExitCode::disk, "cannot write the log: {}; fix the permissions or choose another folder",
           error.what());
    }
  }
  auto logger = std::make_shared<spdlog::logger>("hgnn_moe", sinks.begin(), sinks.end());
  logger->set_level(spdlog::level::trace);
  logger->flush_on(spdlog::level::trace);
  // A line that the file does not take (a full disk) ends no run; that is for what has results.
  auto said = std::make_shared<std::atomic<bool>>(false);
  logger->set_error_handler([terminal, said, name = logger->name()](const std::string& problem) {
    if (said->exchange(true)) return;
    terminal->log({name, spdlog::level::warn, "the log lacks lines from here on: " + problem});
  });
  return logger;
}

void log_to_file(spdlog::logger& log, spdlog::level::level_enum level, const std::string& text) {
  const auto& sinks = log.sinks();
  for (std::size_t i = 1; i < sinks.size(); ++i) {  // the first is standard error
    try {
      sinks[i]->log(spdlog::details::log_msg(log.name(), level, text));
      sinks[i]->flush();
    } catch (const spdlog::spdlog_ex&) {
      // The line is often an error on its way to the user, whose place this one must not take.
    }
  }
}

void write_beside_error(spdlog::logger& log, std::string_view file,
                        const std::function<void()>& write) {
  try {
    write();
  } catch (const std::exception& error) {
    log.warn("{} is not written: {}", file, error.what());
  }
}

}  // namespace hgnn_moe
