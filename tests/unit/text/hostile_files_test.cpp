// Damaged tokenizer files are refused or read, but never crash: cut short, bytes changed, values of another type.
#include <gtest/gtest.h>

#include <functional>
#include <random>

#include "core/error.h"
#include "text/precompiled_charsmap.h"
#include "text/sentencepiece_model.h"
#include "unit/text/model_files.h"

namespace newbie::testing {
namespace {

using Load = std::function<std::unique_ptr<Tokenizer>(std::string_view)>;

struct File {
  const char* name;
  const std::string& bytes;
  Load load;
};

std::vector<File> files() {
  const auto model = [](auto load) -> Load {
    return [load](std::string_view b) { return load(bytes_of(b), "hostile"); };
  };
  const auto json = [](auto load) -> Load { return [load](std::string_view b) { return load(b, "hostile"); }; };
  return {{"gemma json", gemma_json(), json(gemma_tokenizer_from_json)},
          {"gemma model", gemma_model(), model(gemma_tokenizer_from_sentencepiece)},
          {"jina json", jina_json(), json(xlm_roberta_tokenizer_from_json)},
          {"jina model", jina_model(), model(xlm_roberta_tokenizer_from_sentencepiece)}};
}

// Either it cannot be read, and says why, or it can be used.
bool survives(const Load& load, std::string_view bytes) {
  try {
    const auto tokenizer = load(bytes);
    for (const char* text : {"", "<character_1> blue_hair\n  e\u0301 \uFF53\uFF4D\u3000\u304B\u3099 \uFDFA 2024",
                             "<mask><bos>\U0001F469\u200D\U0001F467"}) {
      for (const int32_t id : tokenizer->encode(text, kNoLimit).ids) {
        EXPECT_GE(id, 0);
        EXPECT_LT(id, tokenizer->vocabulary_size());
      }
    }
    return true;
  } catch (const Error& error) {
    EXPECT_TRUE(error.kind() == ErrorKind::BadFile || error.kind() == ErrorKind::Unsupported) << error.message();
    EXPECT_NE(error.message().find("hostile"), std::string::npos) << error.message();
    return false;
  }
}

TEST(HostileFiles, CutShort) {
  for (const File& file : files()) {
    const size_t step = file.bytes.size() / 60;
    for (size_t size = 0; size < file.bytes.size(); size += size < 60 ? 1 : step) {
      // A model may be cut between two of its parts and still be one; JSON may not.
      const bool read = survives(file.load, std::string_view(file.bytes).substr(0, size));
      EXPECT_FALSE(read && file.bytes[0] == '{') << file.name << " " << size;
    }
  }
}

TEST(HostileFiles, BytesChanged) {
  std::mt19937 random(7);
  for (const File& file : files()) {
    const int tries = file.bytes[0] == '{' ? 60 : 300;
    for (int i = 0; i < tries; ++i) {
      std::string bytes = file.bytes;
      for (size_t n = 1 + random() % 8; n > 0; --n) {
        const size_t range = random() % 2 ? bytes.size() : std::min<size_t>(bytes.size(), 4096);
        bytes[random() % range] = static_cast<char>(random());
      }
      survives(file.load, bytes);
    }
  }
}

// Every value of the small parts of a tokenizer.json, and some of the long lists, replaced by other kinds of values.
TEST(HostileFiles, ValuesOfAnotherType) {
  const Json strange[] = {
      nullptr, true, -1, 1.5, 4000000000u, "x", "", Json::array(), Json::object(), Json::array({Json::array(), 1})};
  std::mt19937 random(11);
  for (const File& file : files()) {
    if (file.bytes[0] != '{') continue;
    const Json root = parse_json(file.bytes, file.name);
    std::vector<Json::json_pointer> places;
    const std::function<void(const Json&, const Json::json_pointer&)> collect = [&](const Json& value,
                                                                                    const Json::json_pointer& at) {
      places.push_back(at);
      if (!value.is_structured()) return;
      size_t index = 0;
      for (const auto& [key, child] : value.items()) {
        if (index++ < 12) collect(child, value.is_array() ? at / (index - 1) : at / key);
      }
    };
    collect(root, Json::json_pointer());
    for (int i = 0; i < 150; ++i) {
      Json changed = root;
      changed[places[random() % places.size()]] = strange[random() % std::size(strange)];
      survives(file.load, changed.dump());
    }
  }
}

TEST(HostileFiles, CharacterMaps) {
  const std::string charsmap = read_sentencepiece_model(bytes_of(jina_model()), "model").charsmap;
  std::vector<Character> every;
  for (char32_t c = 1; c < 0x3400; ++c) every.push_back({c, c});
  std::mt19937 random(3);
  for (int i = 0; i < 60; ++i) {
    // Half of them damaged tables, half of them noise with a size that fits.
    std::string bytes = charsmap;
    size_t changes = 2000;
    if (i % 2 == 0) {
      const size_t units = 1 + random() % 60;
      bytes = std::string(4, '\0') + std::string(4 * units + 64, 'a');
      bytes[0] = static_cast<char>(4 * units);
      changes = 4 * units;
    }
    const size_t table = i % 2 == 0 ? changes : charsmap.size() - 4;
    for (size_t n = 0; n < changes; ++n) bytes[4 + random() % table] = static_cast<char>(random());
    try {
      const PrecompiledCharsmap map(bytes, "hostile");
      for (const Character& c : map.normalize(every)) EXPECT_LT(c.begin, 0x3400u);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::BadFile);
    }
  }
}

}  // namespace
}  // namespace newbie::testing
