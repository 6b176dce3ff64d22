#include "hgnn_moe/sweep/sweep_export.h"

#include <algorithm>
#include <cctype>

#include <fmt/format.h>

#include "row_options.h"

#include "hgnn_moe/base/child_process.h"
#include "hgnn_moe/base/files.h"
#include "hgnn_moe/base/hash.h"
#include "hgnn_moe/base/text.h"

namespace hgnn_moe {

namespace {

namespace fs = std::filesystem;

// Paths in a run's options count from the folder that the sweep was exported in.
std::string command_line(const fs::path& run_folder, const std::vector<std::string>& placement) {
  std::vector<std::string> words = {"cd", shell_word(fs::current_path().string()), "&&", "exec",
                                    shell_word(program_path().string())};
  for (const std::string& argument : row_arguments(fs::absolute(run_folder).lexically_normal())) {
    words.push_back(shell_word(argument));
  }
  words.insert(words.end(), placement.begin(), placement.end());
  return join(words, " ");
}

// A value in a line of #SBATCH, where # begins a comment and a backslash takes the next character
// as it is.
std::string sbatch_word(const std::string& text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (std::string("\"\\#").find(c) != std::string::npos) quoted += '\\';
    quoted += c;
  }
  return quoted + "\"";
}

// A path among whose characters % stands for itself.
std::string without_patterns(const std::string& path) {
  std::string plain;
  for (const char c : path) plain += c == '%' ? std::string("%%") : std::string(1, c);
  return plain;
}

std::string slurm_script(const std::string& name, const fs::path& commands, std::size_t runs) {
  const fs::path absolute = fs::absolute(commands).lexically_normal();
  const std::string output = without_patterns(absolute.parent_path().string()) + "/slurm-%A_%a.log";
  return fmt::format(
      "#!/bin/bash\n"
      "#SBATCH --job-name={0}\n"
      "#SBATCH --array=1-{1}\n"
      "#SBATCH --output={2}\n"
      "#SBATCH --signal=B:TERM@120\n"
      "# Add what your cluster needs: --time, --cpus-per-task, --gres=gpu:1, --partition ...\n"
      "# Two minutes before the time limit a run saves; submit again and it goes on.\n"
      "bash -c \"$(sed -n \"${{SLURM_ARRAY_TASK_ID}}p\" {3})\" &\n"
      "run=$!\n"
      "trap 'kill -TERM \"$run\"' TERM\n"
      "wait \"$run\"\n"
      "status=$?\n"
      "# The signal ends the wait, and the run a little later.\n"
      "while kill -0 \"$run\" 2>/dev/null; do\n"
      "  wait \"$run\"\n"
      "  status=$?\n"
      "done\n"
      "exit \"$status\"\n",
      sbatch_word(name), runs, sbatch_word(output), shell_word(absolute.string()));
}

// An array job that waits in a queue takes its lines by number: another export must not shift them.
std::string commands_file_of_job(const std::string& commands) {
  return "commands-" + xxh3_hex(commands.data(), commands.size()).substr(0, 8) + ".txt";
}

}  // namespace

std::string shell_word(const std::string& text) {
  const auto is_plain = [](unsigned char c) {
    return std::isalnum(c) != 0 ||
           std::string("_-./:=,+@").find(static_cast<char>(c)) != std::string::npos;
  };
  if (!text.empty() && std::all_of(text.begin(), text.end(), is_plain)) return text;
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

ExportedSweep export_sweep(const SweepRecords& records, SweepExport kind,
                           const MachineShare& share) {
  ExportedSweep exported;
  std::string commands;
  for (std::size_t row = 0; row < records.rows().size(); ++row) {
    const RowStatus status = records.outcome(row).status;
    if (status == RowStatus::done || status == RowStatus::failed) continue;
    if (!records.has_length(row)) {
      ++exported.waiting;
      continue;
    }
    write_row_options(records.rows()[row], records.run_folder(row));
    commands += command_line(records.run_folder(row), threads_flag(share, records.rows()[row]));
    commands += "\n";
    ++exported.runs;
  }
  if (exported.runs == 0) return exported;
  const bool is_job = kind == SweepExport::slurm;
  exported.file = records.folder() / (is_job ? commands_file_of_job(commands) : "commands.txt");
  write_file_atomically(exported.file, commands);
  if (is_job) {
    const std::string job = slurm_script(records.plan().name, exported.file, exported.runs);
    exported.file = records.folder() / "sweep.sbatch";
    write_file_atomically(exported.file, job);
  }
  return exported;
}

}  // namespace hgnn_moe
