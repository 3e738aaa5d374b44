#include "core/json.h"

#include <gtest/gtest.h>

#include <string>

#include "core/files.h"
#include "expect_error.h"

namespace newbie {
namespace {

TEST(ParseJson, ReadsEveryKindOfValue) {
  const Json j =
      parse_json(R"( {"a": [1, -2, 2.5, true, false, null, "x\u00e9\ud83d\ude42"], "b": {"c": {}}, "d": []} )", "t");
  EXPECT_EQ(j["a"][0], 1);
  EXPECT_TRUE(j["a"][0].is_number_unsigned());
  EXPECT_EQ(j["a"][1], -2);
  EXPECT_EQ(j["a"][2], 2.5);
  EXPECT_EQ(j["a"][3], true);
  EXPECT_TRUE(j["a"][5].is_null());
  EXPECT_EQ(j["a"][6], "x\u00e9\U0001F642");
  EXPECT_TRUE(j["b"]["c"].is_object());
  EXPECT_EQ(j["d"], Json::array());
  EXPECT_EQ(parse_json("7", "t"), 7);
  EXPECT_EQ(parse_json("18446744073709551615", "t"), 18446744073709551615U);
}

// The library's own parser as the oracle, on real files.
TEST(ParseJson, AgreesWithThePlainParser) {
  const std::string root = NEWBIE_SOURCE_DIR "/models/avatar/";
  for (const char* name : {"model_index.json", "transformer/config.json", "text_encoder/tokenizer.json",
                           "clip_model/tokenizer.json", "vae/config.json"}) {
    const std::string text = read_file(root + name, 64 << 20);
    EXPECT_EQ(parse_json(text, name), Json::parse(text)) << name;
    EXPECT_EQ(parse_ordered_json(text, name).dump(), OrderedJson::parse(text).dump()) << name;
  }
}

TEST(ParseJson, TheOrderedFormKeepsTheOrder) {
  EXPECT_EQ(parse_ordered_json(R"({"z":1,"a":{"y":[{"q":1,"b":2}],"c":3},"m":4})", "t").dump(),
            R"({"z":1,"a":{"y":[{"q":1,"b":2}],"c":3},"m":4})");
}

TEST(ParseJson, SyntaxErrorsTellFileLineAndColumn) {
  EXPECT_ERROR(parse_json("{\n  \"a\": 1,\n  \"b\" 2\n}", "config.json"), ErrorKind::BadFile,
               "config.json: not usable as JSON at line 3, column 7");
  for (const char* bad : {"", " ", "{", "[1,]", "{\"a\"}", "{} x", "nul", "01", "'a'", "[1 2]", "\"\n\"", "1e999",
                          "\"\\x\"", "// c\n1", "NaN"}) {
    SCOPED_TRACE(bad);
    EXPECT_ERROR(parse_json(bad, "t"), ErrorKind::BadFile, "t: not usable as JSON at line ");
    EXPECT_ERROR(parse_ordered_json(bad, "t"), ErrorKind::BadFile, "t: not usable as JSON at line ");
  }
}

// The place told is the closing quote of the second key.
TEST(ParseJson, DuplicateKeysAreRefusedWhereTheyStand) {
  const std::string text = "{\"a\": {\"x\": 1},\n \"b\": {\"x\": 2, \"y\": 0, \"x\": 3}}";
  EXPECT_ERROR(parse_json(text, "t"), ErrorKind::BadFile, "line 2, column 26: the key \"x\" comes twice");
  EXPECT_ERROR(parse_ordered_json(text, "t"), ErrorKind::BadFile, "line 2, column 26: the key \"x\" comes twice");
  EXPECT_ERROR(parse_json(R"({"a":1,"\u0061":2})", "t"), ErrorKind::BadFile, "comes twice");
}

TEST(ParseJson, DepthIsLimited) {
  const auto nested = [](size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  EXPECT_NO_THROW(parse_json(nested(64), "t"));
  EXPECT_ERROR(parse_json(nested(65), "t"), ErrorKind::BadFile, "line 1, column 65: nested deeper than 64");
  EXPECT_ERROR(parse_json(std::string(10'000'000, '['), "t"), ErrorKind::BadFile, "nested deeper");
  std::string objects;
  for (int i = 0; i < 65; ++i) objects += "{\"a\":";
  EXPECT_ERROR(parse_ordered_json(objects, "t"), ErrorKind::BadFile, "nested deeper");
}

TEST(ParseJson, BytesThatAreNotUtf8AreRefused) {
  for (const std::string bad :
       {"\"\xff\"", "\"\xc0\xaf\"", "\"\xed\xa0\x80\"", "\"\xe2\x82\"", "\"\\ud800\"", "{\"\x80\":1}"}) {
    EXPECT_ERROR(parse_json(bad, "t"), ErrorKind::BadFile, "t: not usable as JSON");
    try {
      parse_json(bad, "t");
    } catch (const Error& e) {  // the message itself can be sent on as JSON
      EXPECT_NO_THROW(static_cast<void>(Json(e.message()).dump()));
    }
  }
}

TEST(ParseJson, AZeroByteDoesNotEndTheText) {
  EXPECT_ERROR(parse_json(std::string_view("{}\0{}", 5), "t"), ErrorKind::BadFile, "column 3: a zero byte");
}

TEST(ParseJson, ALargeOrderedObjectTakesLinearTime) {
  std::string text = "{";
  for (int i = 0; i < 200'000; ++i) text += (i == 0 ? "\"" : ",\"") + std::to_string(i) + "\":" + std::to_string(i);
  text += "}";
  EXPECT_EQ(parse_ordered_json(text, "t").size(), 200'000U);
}

TEST(WholeNumber, HoldsExactlyWhatTheTypeCan) {
  const auto number = [](std::string_view text) { return parse_json(text, "t"); };
  EXPECT_EQ(whole_number<size_t>(number("18446744073709551615"), "n"), UINT64_MAX);
  EXPECT_EQ(whole_number<int64_t>(number("-9223372036854775808"), "n"), INT64_MIN);
  EXPECT_EQ(whole_number<int>(number("2147483647"), "n"), INT32_MAX);
  EXPECT_EQ(whole_number<int>(number("-2147483648"), "n"), INT32_MIN);
  // nlohmann's get() makes 2, 2^64 - 1, 0 and nothing defined of the first four.
  for (const char* text : {"2.5", "-1", "18446744073709551616", "1.5e117", "-1e300", "2.0", "true", "\"3\"", "null"})
    EXPECT_ERROR(whole_number<size_t>(number(text), "n"), ErrorKind::BadFile,
                 "n: expected a whole number from 0 to 18446744073709551615");
  for (const char* text : {"2147483648", "-2147483649", "18446744073709551615", "-9223372036854775808"})
    EXPECT_ERROR(whole_number<int>(number(text), "n"), ErrorKind::BadFile, "to 2147483647, got " + std::string(text));
}

}  // namespace
}  // namespace newbie
