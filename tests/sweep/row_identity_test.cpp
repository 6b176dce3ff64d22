// What the hash of a row is over, option by option.
#include "src/sweep/row_identity.h"

#include <set>

#include "tests/sweep/sweep_support.h"

namespace hgnn_moe {
namespace {

// As docs/sweeps.md says: folders, device, threads, what is kept and written.
const std::set<std::string> kWithoutEffect = {
    "data_dir",      "num_workers_dataloader", "device",    "threads",       "cuda_graphs",
    "deterministic", "verify_coupler",         "profile",   "sample_tokens", "temperature",
    "top_k",         "keep_checkpoints",       "save_every"};

class RowIdentityTest : public SweepFileTest {
 protected:
  // Without data, whose hash would stand for their names.
  SweepRow row_without_data() {
    SweepRow row = plan("").rows.at(0);
    row.forecast.reset();
    return row;
  }
};

// A value that the option does not have. It need not be a valid one.
Json another(const OptionSpec& spec, const Json& value) {
  if (spec.is_boolean()) return !value.get<bool>();
  if (const auto* choices = std::get_if<Choices>(&spec.domain)) {
    return choices->names.front() == value ? choices->names.back() : choices->names.front();
  }
  if (std::holds_alternative<TextRule>(spec.domain)) return "another";
  return value.is_number() ? Json(value.get<double>() + 1.0) : Json(1);
}

TEST_F(RowIdentityTest, EveryOptionCountsButThoseWithoutEffect) {
  const SweepRow row = row_without_data();
  const std::string plain = hash_of(row, {}, "");
  const std::vector<std::string>& outside = options_outside_sweeps();
  for (const auto& option : train_option_table().options()) {
    const std::string& name = option.spec.name;
    SweepRow changed = row;
    option.set(changed.config, another(option.spec, option.get(row.config)));
    if (option.get(changed.config) == option.get(row.config)) continue;  // a single choice
    const bool is_outside = std::find(outside.begin(), outside.end(), name) != outside.end();
    const bool counts = !is_outside && kWithoutEffect.count(name) == 0;
    EXPECT_EQ(hash_of(changed, {}, "") != plain, counts) << name;
    EXPECT_EQ(hash_of(changed, {name}, "") != hash_of(row, {name}, ""), !is_outside)
        << name << ", which is varied";
  }
}

TEST_F(RowIdentityTest, ContentStandsForTheNamesOfData) {
  SweepRow row = plan("").rows.at(0);
  row.config.dataset_name = "a";
  SweepRow renamed = row;
  renamed.config.dataset_name = "b";
  for (SweepRow* each : {&row, &renamed}) each->forecast->data_hash = "content";
  EXPECT_EQ(hash_of(row, {}, ""), hash_of(renamed, {}, ""));
  renamed.forecast->data_hash = "other content";
  EXPECT_NE(hash_of(row, {}, ""), hash_of(renamed, {}, ""));
  for (SweepRow* each : {&row, &renamed}) each->forecast->data_hash = "";
  EXPECT_NE(hash_of(row, {}, ""), hash_of(renamed, {}, "")) << "nothing but the names is known";
}

TEST_F(RowIdentityTest, ARowOfEqualTimeIsAsItsReference) {
  const SweepRow row = row_without_data();
  const std::set<std::string> hashes = {hash_of(row, {}, ""), hash_of(row, {}, "a"),
                                        hash_of(row, {}, "b")};
  EXPECT_EQ(hashes.size(), 3u);
}

}  // namespace
}  // namespace hgnn_moe
