// The run's log: lines for the user on standard error, all of them with dates in a file.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <spdlog/logger.h>

namespace hgnn_moe {

// A logger of its own, not registered anywhere: whoever logs is handed it. With `quiet`, standard
// error gets warnings and errors only; `log_file`, where given, always gets everything and is
// appended to. Every line is flushed, so that a killed process leaves a complete log; of lines that
// the file does not take, the first is told on standard error. Throws Error(disk) where the file
// cannot be opened.
std::shared_ptr<spdlog::logger> make_logger(bool quiet,
                                            const std::optional<std::filesystem::path>& log_file);

// Writes a line to the log file of a logger made above, and not to standard error;
// a file that does not take it is no error.
void log_to_file(spdlog::logger& log, spdlog::level::level_enum level, const std::string& text);

// Calls `write` while an error is on its way to the user, whose place what it throws must not take:
// that is a warning that `file` is not written.
void write_beside_error(spdlog::logger& log, std::string_view file,
                        const std::function<void()>& write);

}  // namespace hgnn_moe
