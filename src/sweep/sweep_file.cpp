#include "hgnn_moe/sweep/sweep_file.h"

#include <algorithm>
#include <filesystem>
#include <set>

#include <fmt/format.h>

#include "sweep_json.h"
#include "sweep_options.h"
#include "sweep_questions.h"

namespace hgnn_moe {

namespace {

// What a group has for itself; base, constraints and seeds may stand outside of groups as well.
const std::vector<std::string> kOwnKeys = {"grid", "zip", "points", "match_parameters",
                                           "match_time"};

std::vector<std::string> with_own_keys(std::vector<std::string> keys) {
  keys.insert(keys.end(), kOwnKeys.begin(), kOwnKeys.end());
  return keys;
}

class SweepReader {
 public:
  SweepReader(const std::string& path, ErrorList& errors) : path_(path), errors_(errors) {}

  SweepFile read() {
    SweepFile file;
    file.path = path_;
    const Json content = read_json_file(path_, ExitCode::usage);
    if (!expect_object(content, path_, "one object", errors_)) return file;
    check_keys(content,
               with_own_keys({"description", "base", "constraints", "seeds", "groups", "questions",
                              "expected"}),
               path_, errors_);
    if (content.contains("description") &&
        expect_text(content.at("description"), place("description"), errors_)) {
      file.description = content.at("description").get<std::string>();
    }
    file.groups = read_groups(content);
    file.questions = read_questions(content, path_, errors_);
    file.expected = read_expected(content, path_, errors_);
    return file;
  }

 private:
  // "FILE: groups[1].grid"
  std::string place(const std::string& part) const { return path_ + ": " + part; }

  std::vector<SweepGroup> read_groups(const Json& content) {
    const SweepGroup outer = read_group(content, "", {});
    if (!content.contains("groups")) return {outer};
    for (const std::string& key : kOwnKeys) {
      if (!content.contains(key)) continue;
      errors_.add(fmt::format("{}: it stands beside groups; put it into them", place(key)));
    }
    const Json& list = content.at("groups");
    if (!expect_list(list, place("groups"), "a list of groups", errors_)) return {};
    SweepGroup shared;
    shared.base = outer.base;
    shared.constraints = outer.constraints;
    shared.seeds = outer.seeds;
    std::vector<SweepGroup> groups;
    for (std::size_t i = 0; i < list.size(); ++i) {
      const std::string part = fmt::format("groups[{}]", i);
      if (!expect_object(list[i], place(part), "an object", errors_)) continue;
      check_keys(list[i], with_own_keys({"name", "base", "constraints", "seeds"}), place(part),
                 errors_);
      groups.push_back(read_group(list[i], part + ".", shared));
      groups.back().name = read_group_name(list[i], part);
    }
    return groups;
  }

  std::string read_group_name(const Json& group, const std::string& part) {
    if (!group.contains("name")) {
      errors_.add(fmt::format("{}: it has no name; give name", place(part)));
      return "";
    }
    if (!expect_text(group.at("name"), place(part + ".name"), errors_)) return "";
    const auto name = group.at("name").get<std::string>();
    if (!names_.insert(name).second) {
      errors_.add(
          fmt::format("{}: an earlier group has the name {}, too; rename one", place(part), name));
    }
    return name;
  }

  // `prefix` leads to the group: "groups[1].", or "" for the file.
  SweepGroup read_group(const Json& object, const std::string& prefix, SweepGroup group) {
    const auto with = [&](const char* key, auto read) {
      if (object.contains(key)) read(object.at(key), place(prefix + key));
    };
    const std::string folder = std::filesystem::path(path_).parent_path().string();
    with("base", [&](const Json& value, const std::string& where) {
      read_base(value, folder, where, group.base, errors_);
    });
    with("grid", [&](const Json& value, const std::string& where) {
      group.axes = read_grid(value, where, errors_);
    });
    with("zip", [&](const Json& value, const std::string& where) {
      const std::vector<SweepAxis> zips = read_zips(value, where, errors_);
      group.axes.insert(group.axes.end(), zips.begin(), zips.end());
    });
    reject_repeated_options(group.axes, prefix);
    with("points", [&](const Json& value, const std::string& where) {
      group.points = read_points(value, where);
    });
    with("constraints", [&](const Json& value, const std::string& where) {
      const std::vector<SweepConstraint> own = read_constraints(value, where);
      group.constraints.insert(group.constraints.end(), own.begin(), own.end());
    });
    with("seeds", [&](const Json& value, const std::string& where) {
      group.seeds = read_seeds(value, where);
    });
    with("match_parameters", [&](const Json& value, const std::string& where) {
      group.match_parameters = read_varied_options(value, where, errors_);
    });
    with("match_time", [&](const Json& value, const std::string& where) {
      group.match_time = read_varied_options(value, where, errors_);
    });
    return group;
  }

  void reject_repeated_options(const std::vector<SweepAxis>& axes, const std::string& prefix) {
    std::set<std::string> seen;
    for (const SweepAxis& axis : axes) {
      if (axis.empty()) continue;
      for (const auto& [option, unused] : axis.front()) {
        if (seen.insert(option).second) continue;
        errors_.add(fmt::format("{}: {} is varied in two places; keep one of them",
                                place(prefix + "zip"), option));
      }
    }
  }

  std::vector<SweepPoint> read_points(const Json& list, const std::string& where) {
    std::vector<SweepPoint> points;
    if (!expect_list(list, where, "a list of objects of options", errors_)) return points;
    for (std::size_t i = 0; i < list.size(); ++i) {
      const std::string here = fmt::format("{}[{}]", where, i);
      if (!expect_object(list[i], here, "an object of options", errors_)) continue;
      SweepPoint point;
      Json options = list[i];
      if (options.contains("name")) {
        if (expect_text(options.at("name"), here + ".name", errors_)) {
          point.name = options.at("name").get<std::string>();
        }
        options.erase("name");
      }
      point.settings = read_varied_options(options, here, errors_);
      points.push_back(std::move(point));
    }
    return points;
  }

  std::vector<SweepConstraint> read_constraints(const Json& list, const std::string& where) {
    std::vector<SweepConstraint> constraints;
    if (!expect_list(list, where, "a list of {\"if\": ..., \"then\": ...}", errors_)) return {};
    for (std::size_t i = 0; i < list.size(); ++i) {
      const std::string here = fmt::format("{}[{}]", where, i);
      if (!expect_object(list[i], here, "{\"if\": ..., \"then\": ...}", errors_)) continue;
      check_keys(list[i], {"if", "then"}, here, errors_);
      const auto read = [&](const char* key) {
        if (list[i].contains(key)) {
          return read_conditions(list[i].at(key), here + "." + key, errors_);
        }
        errors_.add(fmt::format("{}: it has no \"{}\"; give both sides", here, key));
        return Conditions{};
      };
      constraints.push_back({read("if"), read("then"), here});
    }
    return constraints;
  }

  std::vector<std::int64_t> read_seeds(const Json& list, const std::string& where) {
    std::vector<std::int64_t> seeds;
    if (!expect_list(list, where, "a list of seeds", errors_)) return seeds;
    for (const Json& seed : list) {
      const Settings setting = read_options(object_of("seed", seed), where, errors_);
      if (setting.empty()) continue;
      const auto value = setting.at("seed").value.get<std::int64_t>();
      if (std::find(seeds.begin(), seeds.end(), value) != seeds.end()) {
        errors_.add(fmt::format("{}: {} stands there twice; drop one", where, value));
      }
      seeds.push_back(value);
    }
    return seeds;
  }

  const std::string& path_;
  ErrorList& errors_;
  std::set<std::string> names_;  // of groups
};

}  // namespace

SweepFile read_sweep_file(const std::string& path) {
  ErrorList errors;
  SweepFile file = SweepReader(path, errors).read();
  errors.throw_if_any();
  return file;
}

}  // namespace hgnn_moe
