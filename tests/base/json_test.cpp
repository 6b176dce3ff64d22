#include "hgnn_moe/base/json.h"

#include <string>

#include <gtest/gtest.h>

#include "tests/base/test_support.h"

namespace hgnn_moe {
namespace {

std::string error_of(const std::string& text) {
  return message_of_error(ExitCode::usage, [&] { parse_json(text, "run.json", ExitCode::usage); });
}

std::string nested(int levels) {
  return std::string(static_cast<std::size_t>(levels), '[') +
         std::string(static_cast<std::size_t>(levels), ']');
}

TEST(Json, ReadsValuesInTheirOrder) {
  const Json json =
      parse_json(R"({"seed": 42, "quiet": false, "rate": 5e-4})", "run.json", ExitCode::usage);
  EXPECT_EQ(json.dump(), R"({"seed":42,"quiet":false,"rate":0.0005})");
}

struct MalformedText {
  const char* text;
  const char* position;
  const char* cause;
};

const MalformedText kMalformedTexts[] = {
    {"", "line 1, column 1", "unexpected end of input"},
    {"{\n  \"a\": 1,\n  \"b\": }\n}", "line 3, column 8", "unexpected '}'"},
    {"{\"a\": 1}\n{", "line 2, column 1", "unexpected '{'"},
    {"{\"a\": 1,}", "line 1, column 9", "unexpected '}'"},
    {"{\"a\": 1", "line 1, column 8", "unexpected end of input"},
    {"// seed\n{}", "line 1, column 1", "invalid literal"},
    {"{\"a\": NaN}", "line 1, column 7", "invalid literal"},
    {"[1, 1e999]", "line 1, column 10", "number overflow"},
    {"{\n\"a\": 1,\n\"a\": 2}", "line 3, column 3", "the key \"a\" is given twice"},
    {"{\"b\": [{\"c\": 1, \"c\": 1}]}", "line 1, column 19", "\"c\" is given twice"},
    {"[\"\xC3\xA4\xC3\xB6\", x]", "line 1, column 8", "invalid literal"},
    {"[\"\xC3\x28\"]", "line 1, column 4", "ill-formed UTF-8"},
};

TEST(Json, MalformedTextIsRejectedWithLineColumnAndCause) {
  for (const MalformedText& bad : kMalformedTexts) {
    SCOPED_TRACE(bad.text);
    const std::string message = error_of(bad.text);
    EXPECT_EQ(message.rfind(std::string("run.json, ") + bad.position + ": ", 0), 0u) << message;
    EXPECT_TRUE(contains(message, bad.cause)) << message;
    EXPECT_FALSE(contains(message, "json.exception")) << message;
    EXPECT_FALSE(contains(message, "parse error")) << message;
  }
}

TEST(Json, SameKeyInDifferentObjectsIsFine) {
  EXPECT_NO_THROW(
      parse_json(R"({"a": {"a": 1}, "b": [{"a": 1}, {"a": 2}]})", "run.json", ExitCode::usage));
}

TEST(Json, DepthIsLimited) {
  EXPECT_NO_THROW(parse_json(nested(100), "run.json", ExitCode::usage));
  const std::string message = error_of(nested(101));
  EXPECT_TRUE(contains(message, "line 1, column 101: nested deeper than 100")) << message;
  EXPECT_TRUE(contains(error_of(std::string(1'000'000, '[')), "nested deeper"));
}

TEST(Json, ReadsAFileAndNamesIt) {
  const TemporaryFolder folder;
  put_file(folder / "good.json", "[1, 2]");
  put_file(folder / "bad.json", "[1, 2");
  EXPECT_EQ(read_json_file(folder / "good.json", ExitCode::data).size(), 2u);
  for (const char* name : {"bad.json", "missing.json"}) {
    const std::string message =
        message_of_error(ExitCode::data, [&] { read_json_file(folder / name, ExitCode::data); });
    EXPECT_TRUE(contains(message, (folder / name).string())) << message;
  }
}

TEST(Json, BytesThatAreNoTextAreReplaced) {
  EXPECT_EQ(valid_utf8("plain \"\xC3\xA4\"\n"), "plain \"\xC3\xA4\"\n");
  EXPECT_EQ(valid_utf8("a\xFFz"), "a\xEF\xBF\xBDz");
  EXPECT_EQ(json_text({{"path", "e\xFF"}}), "{\"path\":\"e\xEF\xBF\xBD\"}");
  EXPECT_EQ(json_text(Json::array({1}), 2), "[\n  1\n]");
}

}  // namespace
}  // namespace hgnn_moe
