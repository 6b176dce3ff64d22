#include "hgnn_moe/data/dataset.h"

#include <filesystem>
#include <string_view>
#include <utility>

#include "hgnn_moe/base/error.h"
#include "hgnn_moe/base/hash.h"
#include "hgnn_moe/data/data_folder.h"
#include "hgnn_moe/data/flat_file.h"
#include "hgnn_moe/data/indexed_file.h"
#include "hgnn_moe/data/sample_sets.h"
#include "hgnn_moe/data/synthetic.h"

namespace hgnn_moe::data {
namespace {

namespace fs = std::filesystem;

// Without a slash at the end: the last part names the data set where dataset.json does not.
fs::path absolute_folder(const std::string& folder) {
  const fs::path path = fs::absolute(folder).lexically_normal();
  return path.has_filename() ? path : path.parent_path();
}

// Both places that dataset_name can stand for, `folder` being the one in use.
std::string describe_search(const TrainConfig& config, const fs::path& folder) {
  const fs::path named = absolute_folder(config.dataset_name);
  if (folder == named) {
    return fmt::format("{}, the folder that dataset_name {} names and that comes before {}",
                       folder.string(), config.dataset_name,
                       absolute_folder(data_folder_below_data_dir(config)).string());
  }
  return fmt::format("{} nor in {}, the two places for dataset_name {}", folder.string(),
                     named.string(), config.dataset_name);
}

fs::path require_token_file(const TrainConfig& config, const fs::path& folder, Split split) {
  if (const auto found = find_token_file(folder, split)) return *found;
  const bool train = split == Split::train;
  fail(ExitCode::data,
       "no {} data in {} (looked for {}); prepare it with `scripts/prepare_data.py --train FILE "
       "--eval FILE --tokenizer TOKENIZER --out {}`, name another folder with --data_dir or "
       "--dataset_name, or ask for generated stand-in text with --synthetic_data",
       train ? "training" : "evaluation", describe_search(config, folder),
       train ? "train.bin and train.npy" : "eval.bin, eval.npy, val.bin and val.npy",
       folder.string());
}

std::int64_t resolve_vocab_size(const TrainConfig& config, const DatasetInfo& info,
                                Dataset& dataset) {
  if (config.vocab_size == 0 && info.vocab_size == 0) {
    fail(ExitCode::data,
         "{}: no dataset.json gives a vocab_size; give --vocab_size, or prepare the data with "
         "scripts/prepare_data.py",
         dataset.folder);
  }
  if (config.vocab_size == 0) return info.vocab_size;
  if (info.vocab_size != 0 && info.vocab_size != config.vocab_size) {
    dataset.notes.push_back(
        fmt::format("vocab_size {} is used in place of the {} of {}/dataset.json",
                    config.vocab_size, info.vocab_size, dataset.folder));
  }
  return config.vocab_size;
}

void check_end_of_text_id(const Dataset& dataset) {
  if (dataset.end_of_text_id < dataset.vocab_size) return;
  fail(ExitCode::data,
       "{}: end_of_text_id {} is outside the vocabulary of vocab_size {}; correct one of the two",
       dataset.folder.empty() ? dataset.name : dataset.folder, dataset.end_of_text_id,
       dataset.vocab_size);
}

std::unique_ptr<SampleSet> packed_samples(std::unique_ptr<TokenStream> stream,
                                          const std::string& source, std::int64_t window_length) {
  if (stream->size() <= window_length) {
    fail(ExitCode::data,
         "{}: its {} tokens are fewer than the {} of one window (max_seq_length {} and a target); "
         "lower --max_seq_length or give more text",
         source, stream->size(), window_length + 1, window_length);
  }
  return std::make_unique<PackedSamples>(std::move(stream), window_length);
}

std::unique_ptr<SampleSet> line_samples(std::unique_ptr<Documents> documents,
                                        const std::string& source, std::int64_t max_length) {
  bool has_target = false;
  for (std::int64_t d = 0; d < documents->size() && !has_target; ++d) {
    has_target = documents->length(d) > 1;
  }
  if (!has_target) {
    fail(ExitCode::data,
         "{}: none of its {} documents has a second token to predict; give longer documents or "
         "use --sample_mode packed",
         source, documents->size());
  }
  return std::make_unique<LineSamples>(std::move(documents), max_length);
}

std::unique_ptr<SampleSet> document_samples(std::unique_ptr<Documents> documents,
                                            const std::string& source, const TrainConfig& config,
                                            std::int64_t end_of_text_id) {
  if (config.sample_mode == SampleMode::lines) {
    return line_samples(std::move(documents), source, config.max_seq_length);
  }
  if (end_of_text_id < 0) {
    fail(ExitCode::data,
         "{}: packed mode ends every document with end_of_text_id, which dataset.json does not "
         "give; give --end_of_text_id",
         source);
  }
  return packed_samples(std::make_unique<JoinedDocuments>(std::move(documents), end_of_text_id),
                        source, config.max_seq_length);
}

// `rest` is what the file pair holds beside the ids: an index or a header. The number of tokens
// goes in first, so that moving one from the end of a file to the next file changes the hash.
void check_and_hash_file(ByteSpan rest, const TokenArray& tokens, std::int64_t vocab_size,
                         Xxh3& hash) {
  hash.update(&tokens.count, sizeof(tokens.count));
  hash.update(rest.data, rest.size);
  check_and_hash_tokens(tokens, vocab_size, hash);
}

void check_prepared_pair(const fs::path& bin, const DatasetInfo& info) {
  if (!info.is_prepared || bin.extension() != ".bin" || is_indexed(bin)) return;
  fail(ExitCode::data,
       "{}: it is missing beside {}, though dataset.json says that scripts/prepare_data.py wrote "
       "the two together; copy it too, or prepare the data again",
       fs::path(bin).replace_extension(".idx").string(), bin.filename().string());
}

void check_type(const TokenArray& tokens, const char* format, const DatasetInfo& info) {
  if (!info.dtype || *info.dtype == tokens.type) return;
  fail(ExitCode::data,
       "{}: its ids are {} in {} format, but dataset.json beside it gives dtype {}; correct dtype, "
       "or prepare the data again",
       tokens.path, name_of(tokens.type), format, name_of(*info.dtype));
}

std::unique_ptr<SampleSet> open_file(const fs::path& file, const TrainConfig& config,
                                     const DatasetInfo& info, Dataset& dataset, Xxh3& hash) {
  const std::string source = file.string();
  check_prepared_pair(file, info);
  if (is_indexed(file)) {
    auto indexed = std::make_unique<IndexedFile>(file);
    check_type(indexed->tokens(), "Megatron's", info);
    check_and_hash_file(indexed->index_bytes(), indexed->tokens(), dataset.vocab_size, hash);
    if (indexed->empty_documents() > 0) {
      dataset.notes.push_back(fmt::format("{}: {} documents without a token are left out", source,
                                          indexed->empty_documents()));
    }
    return document_samples(std::move(indexed), source, config, dataset.end_of_text_id);
  }
  if (config.sample_mode == SampleMode::lines) {
    fail(ExitCode::data,
         "{}: sample_mode lines needs the document boundaries of an .idx beside a .bin, and there "
         "is none; use --sample_mode packed",
         source);
  }
  auto flat = std::make_unique<FlatFile>(file);
  check_type(flat->tokens(), flat->format().c_str(), info);
  check_and_hash_file(flat->header_bytes(), flat->tokens(), dataset.vocab_size, hash);
  dataset.notes.push_back(
      fmt::format("{}: read as {} format, {} tokens", source, flat->format(), flat->size()));
  return packed_samples(std::move(flat), source, config.max_seq_length);
}

Dataset open_folder(const TrainConfig& config) {
  const fs::path folder = absolute_folder(data_folder(config));
  fs::path train_file;
  if (!config.eval_only) train_file = require_token_file(config, folder, Split::train);
  const fs::path eval_file = require_token_file(config, folder, Split::eval);

  const DatasetInfo info = read_dataset_info(folder);
  Dataset dataset;
  dataset.folder = folder.string();
  dataset.name = info.name.empty() ? folder.filename().string() : info.name;
  dataset.vocab_size = resolve_vocab_size(config, info, dataset);
  dataset.end_of_text_id = config.end_of_text_id >= 0 ? config.end_of_text_id : info.end_of_text_id;
  check_end_of_text_id(dataset);

  Xxh3 hash;
  if (!config.eval_only) dataset.train = open_file(train_file, config, info, dataset, hash);
  dataset.eval = open_file(eval_file, config, info, dataset, hash);
  dataset.content_hash = hash.hex();
  return dataset;
}

std::unique_ptr<SampleSet> generate(Split split, const TrainConfig& config, const Dataset& dataset,
                                    Xxh3& hash) {
  const std::int64_t count =
      split == Split::train ? kSyntheticTrainDocuments : kSyntheticEvalDocuments;
  auto documents =
      std::make_unique<SyntheticDocuments>(split, count, dataset.vocab_size, config.max_seq_length);
  const std::vector<std::int64_t>& tokens = documents->tokens();
  hash.update(tokens.data(), tokens.size() * sizeof(tokens[0]));
  return document_samples(std::move(documents), dataset.name, config, dataset.end_of_text_id);
}

Dataset open_synthetic(const TrainConfig& config) {
  Dataset dataset;
  dataset.synthetic = true;
  dataset.name = "synthetic";
  dataset.vocab_size = config.vocab_size == 0 ? kSyntheticVocabSize : config.vocab_size;
  if (dataset.vocab_size < 2) {
    fail(ExitCode::usage,
         "vocab_size {} is too small for synthetic_data, which needs at least one id beside end "
         "of text; give 2 or more",
         dataset.vocab_size);
  }
  dataset.end_of_text_id =
      config.end_of_text_id >= 0 ? config.end_of_text_id : dataset.vocab_size - 1;
  check_end_of_text_id(dataset);

  Xxh3 hash;
  if (!config.eval_only) dataset.train = generate(Split::train, config, dataset, hash);
  dataset.eval = generate(Split::eval, config, dataset, hash);
  dataset.content_hash = hash.hex();
  return dataset;
}

void note_missing_samples(std::string_view option, std::int64_t asked, const SampleSet& samples,
                          Dataset& dataset) {
  if (asked <= samples.size()) return;
  dataset.notes.push_back(fmt::format("{} {} is above the {} samples of {}; all {} are used",
                                      option, asked, samples.size(), dataset.name, samples.size()));
}

}  // namespace

Dataset open_dataset(const TrainConfig& config) {
  if (config.sample_mode == SampleMode::lines && config.max_seq_length < 2) {
    fail(ExitCode::usage,
         "max_seq_length {} leaves no token to predict in sample_mode lines; give 2 or more",
         config.max_seq_length);
  }
  Dataset dataset = config.synthetic_data ? open_synthetic(config) : open_folder(config);
  if (dataset.train) {
    note_missing_samples("num_train_samples", config.num_train_samples, *dataset.train, dataset);
  }
  note_missing_samples("num_eval_samples", config.num_eval_samples, *dataset.eval, dataset);
  return dataset;
}

bool dataset_exists(const TrainConfig& config) {
  if (config.synthetic_data) return true;
  const fs::path folder = data_folder(config);
  return find_token_file(folder, Split::train) || find_token_file(folder, Split::eval);
}

}  // namespace hgnn_moe::data
