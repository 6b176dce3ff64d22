#include "row_options.h"

#include "combinations.h"

#include "hgnn_moe/base/files.h"
#include "hgnn_moe/base/json.h"

namespace hgnn_moe {

namespace fs = std::filesystem;

fs::path row_options_file(const fs::path& run_folder) { return run_folder / "options.json"; }

void write_row_options(const SweepRow& row, const fs::path& run_folder) {
  hgnn_moe::create_directories(run_folder);
  write_file_atomically(row_options_file(run_folder), json_text(values_of(row.settings), 2) + "\n");
}

std::vector<std::string> row_arguments(const fs::path& run_folder) {
  return {"--config",
          row_options_file(run_folder).string(),
          "--checkpoint_dir",
          run_folder.parent_path().string(),
          "--run_name",
          run_folder.filename().string(),
          "--resume_checkpoint",
          "auto"};
}

}  // namespace hgnn_moe
