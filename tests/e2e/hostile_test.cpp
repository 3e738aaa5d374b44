// Files and circumstances that mean ill: deep TOML, pictures that unpack to gigabytes, a closed standard output.
#include <gmock/gmock.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <fstream>

#include "core/files.h"
#include "core/json.h"
#include "core/printable.h"
#include "core/utf8.h"
#include "e2e/pictures.h"
#include "e2e/run_program.h"
#include "image/png.h"
#include "unit/core/temporary_folder.h"
#include "unit/image/handmade_png.h"

namespace newbie::e2e {
namespace {

using testing::AllOf;
using testing::AnyOf;
using testing::HasSubstr;
using testing::Not;

TEST(Hostile, DeepTomlIsRefusedBeforeTheParserRecurses) {
  const TemporaryFolder folder;
  std::string dots = "a";
  for (int i = 0; i < 60000; ++i) dots += ".a";
  for (const std::string& text : {dots + " = 1\n", "a = " + std::string(60000, '[') + "\n", "[" + dots + "]\n",
                                  "a = {b = " + std::string(60000, '{'), "[[" + dots + "]]\nb = 1\n"}) {
    std::ofstream(folder / "deep.toml") << "# a comment with ... dots and [[[[ brackets\n" << text;
    for (const char* flag : {"--profile", "--precision-policy"}) {
      const Outcome o = run({.arguments = {"plan", "-p", "x", flag, "deep.toml"}, .folder = folder.path()});
      EXPECT_EQ(o.exit_code, 2) << flag << ": " << o.err;
      EXPECT_THAT(o.err, HasSubstr("deep.toml:2: nested more than 32 deep"));
    }
  }
  std::ofstream(folder / "fine.toml") << "prompt = \"\"\"a. b. c. " << std::string(100, '[')
                                      << "\"\"\"\nsigmas = [1.0, 0.5, 0.0]\n";
  EXPECT_EQ(
      run({.arguments = {"plan", "--profile", "fine.toml", "-W", "32", "-H", "32"}, .folder = folder.path()}).exit_code,
      0);
}

TEST(Hostile, APictureThatGoesNowhereIsAnError) {
  const TemporaryFolder folder;
  const Outcome o = run({.arguments = {"generate", "-q", "-p", "x", "--steps", "1", "-W", "16", "-H", "16", "-o", "-"},
                         .folder = folder.path(),
                         .before_exec = [] { ::close(STDOUT_FILENO); }});
  EXPECT_EQ(o.exit_code, 3) << o.err;
  EXPECT_THAT(o.err, HasSubstr("standard output"));
}

// A safetensors file taken apart, to be put together otherwise.
struct WeightsFile {
  OrderedJson header;
  std::string data;
};
WeightsFile read_weights(const std::filesystem::path& file) {
  const std::string bytes = file_bytes(file);
  uint64_t length = 0;
  std::memcpy(&length, bytes.data(), sizeof length);
  return {parse_ordered_json(bytes.substr(sizeof length, length), "header"), bytes.substr(sizeof length + length)};
}
void write_weights(const std::filesystem::path& file, const WeightsFile& weights) {
  std::string text = weights.header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  const uint64_t length = text.size();
  std::ofstream(file, std::ios::binary) << std::string_view(reinterpret_cast<const char*>(&length), sizeof length)
                                        << text << weights.data;
}

// The last tensor of the header gets a name that would set a terminal's title.
void add_evil_tensor(const std::filesystem::path& file) {
  WeightsFile weights = read_weights(file);
  uint64_t end = 0;
  for (const auto& [name, tensor] : weights.header.items())
    if (name != "__metadata__") end = std::max(end, tensor.at("data_offsets").at(1).get<uint64_t>());
  weights.header["evil\x1b]0;PWNED\x07"] = {{"dtype", "U8"}, {"shape", {0}}, {"data_offsets", {end, end}}};
  write_weights(file, weights);
}

// Every extent of `from` becomes the smaller `to`; the numbers are as many as the shapes say, so the file is
// well-formed.
void shrink_extents(const std::filesystem::path& file, uint64_t from, uint64_t to) {
  const WeightsFile before = read_weights(file);
  WeightsFile after;
  for (const auto& [name, tensor] : before.header.items()) {
    if (name == "__metadata__") continue;
    const auto begin = tensor.at("data_offsets").at(0).get<uint64_t>();
    uint64_t bytes = tensor.at("data_offsets").at(1).get<uint64_t>() - begin;
    OrderedJson shape = OrderedJson::array();
    for (const OrderedJson& extent : tensor.at("shape")) {
      const bool shrinks = extent.get<uint64_t>() == from;
      if (shrinks) bytes = bytes / from * to;
      shape.push_back(shrinks ? to : extent.get<uint64_t>());
    }
    const uint64_t place = after.data.size();
    after.header[name] = {{"dtype", tensor.at("dtype")}, {"shape", shape}, {"data_offsets", {place, place + bytes}}};
    after.data += before.data.substr(begin, bytes);
  }
  write_weights(file, after);
}

TEST(Hostile, NamesAndPromptsSteerNoTerminal) {
  const TemporaryFolder folder;
  const auto model = folder / "m";
  std::filesystem::copy(avatar(), model, std::filesystem::copy_options::recursive);
  add_evil_tensor(model / "transformer/diffusion_pytorch_model.safetensors");
  for (const char* command : {"plan", "inspect"}) {
    const std::vector<std::string> words = command == std::string("plan")
                                               ? std::vector<std::string>{"plan", "-m", "m", "-W", "64", "-H", "64"}
                                               : std::vector<std::string>{"inspect", "m"};
    const Outcome o = run({.arguments = words, .folder = folder.path()});
    EXPECT_EQ(o.exit_code, 0) << o.err;
    EXPECT_THAT(o.out + o.err, HasSubstr("evil\\x1b]0;PWNED\\x07")) << command;
    EXPECT_THAT(o.out + o.err, Not(HasSubstr("\x1b"))) << command;
  }
  const std::string request = R"({"format":1,"prompt":"x\u001b]0;PWNED\u0007","seed":1,"width":64,"height":64})";
  write_file_atomically(folder / "a.png", encode_png(Image{16, 16, 3, std::vector<uint8_t>(768)},
                                                     std::vector<TextChunk>{{"newbie", request}}));
  const Outcome o = run({.arguments = {"metadata", "a.png"}, .folder = folder.path()});
  EXPECT_THAT(o.out, HasSubstr("x\\x1b]0;PWNED\\x07"));
  EXPECT_THAT(o.out + o.err, Not(HasSubstr("\x1b")));
}

// Lines of ours, and nothing in them that a terminal would obey.
void expect_shown(const std::string& text, const std::string& what) {
  EXPECT_EQ(printable(text), text) << what;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    const std::string line = text.substr(at, end - at);
    EXPECT_TRUE(line.starts_with("newbie: ") || line.starts_with("  hint: ")) << what << ": " << line;
    at = end + 1;
  }
}

// Names of files that turn text round, break lines, set titles, or are no text at all.
TEST(Hostile, NamesOfAnyBytesAreShownOnOneLine) {
  for (const std::string name : {"a\u202egnp.exe", "a\nnewbie-lies: done", "a\x1b]0;PWNED\x07", "a\xff\xfe", "a\u2028b",
                                 "a\xc2\x9b[31m", "a\rb", "a\u2066b\x7f"}) {
    const TemporaryFolder folder;
    for (const std::vector<std::string>& words :
         std::vector<std::vector<std::string>>{{"plan", "-m", name},
                                               {"plan", "--profile", name + ".toml"},
                                               {"plan", "--lora", name},
                                               {"plan", "-p", "1girl <lora:" + name + ">"},
                                               {"generate", "-p", "x", "-i", name},
                                               {"generate", "--prompts", name},
                                               {"generate", "-p", "x", "-o", name + "/b/c.png"},
                                               {"generate", "-p", "x", "--" + name},
                                               {"generate", "-p", "x", "--sampling-method", name},
                                               {"metadata", name},
                                               {"lora", "info", name},
                                               {"inspect", "--graph", name},
                                               {"evaluate", "psnr", name, name},
                                               {"prompt", "lint", name},
                                               {name}}) {
      const Outcome o = run({.arguments = words, .folder = folder.path()});
      EXPECT_THAT(o.exit_code, AnyOf(2, 3)) << words.front() << ' ' << o.err;
      expect_shown(o.err, words.front() + " " + words.back());
    }
    // Where it is there, and in what is told of it.
    const std::string picture = name + ".png";
    const std::vector<std::string> draw{"generate", "-v", "-p",      "x\u202ey", "-W", "16",
                                        "-H",       "16", "--steps", "1",        "-o", picture};
    const Outcome o = run({.arguments = draw, .folder = folder.path()});
    ASSERT_EQ(o.exit_code, 0) << o.err;
    EXPECT_TRUE(std::filesystem::exists(folder / picture));
    EXPECT_EQ(o.out.substr(0, o.out.find('\n')), in_one_line(picture) + "  16x16  seed 0");
    EXPECT_EQ(printable(o.out), o.out);
    EXPECT_EQ(printable(o.err), o.err);
    const Outcome read = run({.arguments = {"metadata", picture}, .folder = folder.path()});
    EXPECT_EQ(read.out.substr(0, read.out.find('\n')), in_one_line(picture) + "  16x16");
    EXPECT_THAT(read.out, HasSubstr("x\\u202ey"));
    EXPECT_EQ(printable(read.out), read.out);
    const Outcome json = run({.arguments = {"metadata", "--json", picture}, .folder = folder.path()});
    EXPECT_EQ(printable(json.out), json.out);
    const Json said = parse_json(json.out, "metadata");
    EXPECT_EQ(said["request"]["flags"]["prompt"], "x\u202ey");
    if (!find_invalid_utf8(picture)) {
      EXPECT_EQ(said["file"], picture);
    }
  }
}

// What is made for another program to read goes there as it is.
TEST(Hostile, PromptsInAPipeAreAsTheyWere) {
  const std::string prompt = "<character_1><n>שלום\u200f</n></character_1>";
  const Outcome o = run({"prompt", "format", "-p", prompt});
  ASSERT_EQ(o.exit_code, 0) << o.err;
  EXPECT_THAT(o.out, HasSubstr("שלום\u200f"));
}

TEST(Hostile, AMessageIsNoLongerThanAPage) {
  const TemporaryFolder folder;
  const auto model = folder / "m";
  std::filesystem::copy(avatar(), model, std::filesystem::copy_options::recursive);
  const auto file = model / "text_encoder/config.json";
  OrderedJson config = parse_ordered_json(file_bytes(file), "config.json");
  config["rope_scaling"]["factor"] = std::string(100000, 'A');
  std::ofstream(file) << config.dump();
  const Outcome o = run({.arguments = {"plan", "-m", "m", "-W", "64", "-H", "64"}, .folder = folder.path()});
  EXPECT_EQ(o.exit_code, 3) << o.err;
  EXPECT_LT(o.err.size(), 1000u);
}

// 70 is for our mistakes: whatever a file says is the file's.
TEST(Hostile, ExtentsOfOneOrNoneAreTheFilesMistake) {
  struct Case {
    const char* file;
    uint64_t from, to;
  };
  for (const Case& c : {Case{"transformer/diffusion_pytorch_model.safetensors", 256, 1},
                        {"vae/diffusion_pytorch_model.safetensors", 64, 0}}) {
    const TemporaryFolder folder;
    std::filesystem::copy(avatar(), folder / "m", std::filesystem::copy_options::recursive);
    shrink_extents(folder / "m" / c.file, c.from, c.to);
    const Outcome o =
        run({.arguments = {"generate", "-q", "-m", "m", "-p", "x", "-W", "32", "-H", "32", "--steps", "1"},
             .folder = folder.path()});
    EXPECT_THAT(o.exit_code, AnyOf(3, 4)) << c.file << ", signal " << o.signal << "\n" << o.err;
    EXPECT_THAT(names_in(folder.path()), testing::ElementsAre("m"));
  }
}

// Absent, or something in its place that is no file: what shapes do not say is not guessed.
TEST(Hostile, APartWithoutItsConfigurationIsRefused) {
  const TemporaryFolder folder;
  std::filesystem::copy(avatar(), folder / "m", std::filesystem::copy_options::recursive);
  const auto expect_refused = [&](const char* part, const char* how) {
    for (const std::vector<std::string>& words :
         std::vector<std::vector<std::string>>{{"plan", "-m", "m", "-W", "32", "-H", "32"}, {"inspect", "m"}}) {
      const Outcome o = run({.arguments = words, .folder = folder.path()});
      EXPECT_EQ(o.exit_code, 3) << part << " " << how << "\n" << o.out << o.err;
      EXPECT_THAT(o.out + o.err, HasSubstr(std::string("m/") + part)) << how;
    }
  };
  for (const char* part : {"transformer", "text_encoder", "clip_model", "vae"}) {
    const std::filesystem::path config = folder / "m" / part / "config.json", kept = folder / "kept.json";
    std::filesystem::rename(config, kept);
    expect_refused(part, "absent");
    std::filesystem::create_symlink("nowhere", config);
    expect_refused(part, "a link to nothing");
    std::filesystem::remove(config);
    std::filesystem::create_directory(config);
    expect_refused(part, "a folder");
    std::filesystem::remove(config);
    ASSERT_EQ(::mkfifo(config.c_str(), 0600), 0);
    expect_refused(part, "a pipe that nobody writes to");
    std::filesystem::remove(config);
    std::filesystem::rename(kept, config);
  }
}

// A run that was killed between two files: its folder may be written again, another's may not.
TEST(Hostile, AConversionThatWasKilledIsMadeAgain) {
  const TemporaryFolder folder;
  const std::vector<std::string> convert{"convert", "--to", "comfyui", avatar().string(), "d", "-q"};
  ASSERT_EQ(run({.arguments = convert, .folder = folder.path()}).exit_code, 0);
  EXPECT_EQ(run({.arguments = convert, .folder = folder.path()}).exit_code, 2);
  std::ofstream(folder / "d/.newbie-unfinished") << "";
  const Outcome o = run({.arguments = convert, .folder = folder.path()});
  EXPECT_EQ(o.exit_code, 0) << o.err;
  EXPECT_FALSE(std::filesystem::exists(folder / "d/.newbie-unfinished"));
}

// Stopped or failed, and not killed: nothing is left.
TEST(Hostile, AConversionThatFailsLeavesNothing) {
  const TemporaryFolder folder;
  const std::vector<std::string> to_folder{"convert", "--to", "folder", avatar().string(), "new/d", "-q"};
  const auto limited = [] {
    const rlimit limit{64 << 10, 64 << 10};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  };
  const Outcome o = run({.arguments = to_folder, .folder = folder.path(), .before_exec = limited});
  EXPECT_EQ(o.exit_code, 3) << o.err;
  EXPECT_TRUE(names_in(folder.path()).empty());
  std::filesystem::create_directory(folder / "mine");
  std::ofstream(folder / "mine/notes.txt") << "mine\n";
  std::vector<std::string> into_mine = to_folder;
  into_mine[4] = "mine";
  EXPECT_EQ(run({.arguments = into_mine, .folder = folder.path(), .before_exec = limited}).exit_code, 3);
  EXPECT_THAT(names_in(folder / "mine"), testing::ElementsAre("notes.txt"));
}

// A key that decides pictures and follows from no shape, taken out of each configuration.
TEST(Hostile, AConfigurationThatLacksWhatDecidesPicturesIsRefused) {
  const TemporaryFolder folder;
  std::filesystem::copy(avatar(), folder / "m", std::filesystem::copy_options::recursive);
  for (const auto& [part, key] : {std::pair("vae", "norm_num_groups"), std::pair("vae", "shift_factor"),
                                  std::pair("text_encoder", "rope_scaling"), std::pair("transformer", "axes_dims")}) {
    const std::filesystem::path config = folder / "m" / part / "config.json";
    const std::string whole = file_bytes(config);
    OrderedJson json = parse_ordered_json(whole, "config");
    ASSERT_EQ(json.erase(key), 1u) << key;
    std::ofstream(config) << json.dump();
    for (const char* command : {"plan", "inspect"}) {
      std::vector<std::string> words{command, "m"};
      if (words[0] == "plan") words.insert(words.begin() + 1, "-m");
      const Outcome o = run({.arguments = words, .folder = folder.path()});
      EXPECT_EQ(o.exit_code, 3) << command << " without " << key;
      EXPECT_THAT(o.out + o.err, HasSubstr(key));
    }
    std::ofstream(config) << whole;
  }
}

TEST(Hostile, WhatLiesInAConfigurationsPlaceIsNamed) {
  const TemporaryFolder folder;
  std::filesystem::copy(avatar(), folder / "m", std::filesystem::copy_options::recursive);
  std::ofstream(folder / "m/text_encoder/tokenizer.json") << "version https://git-lfs.github.com/spec/v1\n";
  Outcome o = run({.arguments = {"plan", "-m", "m"}, .folder = folder.path()});
  EXPECT_EQ(o.exit_code, 3);
  EXPECT_THAT(o.err, HasSubstr("Git LFS pointer"));
  std::ofstream(folder / "m/vae/config.json") << "<!DOCTYPE html><html></html>";
  o = run({.arguments = {"plan", "-m", "m"}, .folder = folder.path()});
  EXPECT_EQ(o.exit_code, 3);
  EXPECT_THAT(o.err, HasSubstr("web page"));
}

// Less address space than libraries take to make their code: an error, whatever it is they were doing.
TEST(Hostile, LittleAddressSpaceIsAnErrorAndNoSignal) {
  const TemporaryFolder folder;
  const std::vector<std::string> plan{"plan", "-t", "2"};
  const std::vector<std::string> generate{"generate",    "-q",     "-p", "1girl", "--steps", "1",
                                          "--scheduler", "simple", "-t", "2",     "-o",      "a.png"};
  for (const std::vector<std::string>& words : {plan, generate})
    for (const rlim_t mib : {rlim_t{110}, rlim_t{130}, rlim_t{150}, rlim_t{185}, rlim_t{210}}) {
      const Outcome o = run({.arguments = words, .folder = folder.path(), .before_exec = [mib] {
                               const rlimit limit{mib << 20, mib << 20};
                               ::setrlimit(RLIMIT_AS, &limit);
                             }});
      EXPECT_EQ(o.signal, 0) << words[0] << ", " << mib << " MiB";
      // 127: the loader itself had no room for the libraries.
      EXPECT_THAT(o.exit_code, AnyOf(0, 3, 5, 127)) << words[0] << ", " << mib << " MiB: " << o.err;
      // Closing other programs would help nobody.
      EXPECT_THAT(o.err, Not(HasSubstr("close other programs"))) << words[0] << ", " << mib << " MiB";
    }
}

TEST(Hostile, AnInitPictureIsPlannedByItsHeader) {
  const TemporaryFolder folder;
  {  // 8192 x 8192 with 16 bits a channel; what follows the header is never read
    std::ofstream file(folder / "large.png", std::ios::binary);
    file << test::png_file({8192, 8192, 16, 6}, "", "");
  }
  const Outcome o =
      run({.arguments = {"generate", "-p", "x", "-i", "large.png", "-W", "32", "-H", "32", "--memory", "80MiB"},
           .folder = folder.path()});
  EXPECT_EQ(o.exit_code, 5) << o.err;
  EXPECT_THAT(o.err, HasSubstr("large.png: a picture of 8192x8192 takes 513 MiB to read"));
}

TEST(Hostile, APictureToEvaluateIsPlannedByItsHeader) {
  const TemporaryFolder folder;
  std::ofstream(folder / "large.png", std::ios::binary) << test::png_file({8192, 8192, 16, 6}, "", "");
  for (const std::vector<std::string>& metric :
       std::vector<std::vector<std::string>>{{"psnr", "large.png", "large.png"},
                                             {"ssim", "large.png", "large.png"},
                                             {"kid", "large.png", "large.png", "-m", avatar().string()}}) {
    std::vector<std::string> words{"evaluate"};
    words.insert(words.end(), metric.begin(), metric.end());
    words.insert(words.end(), {"--memory", "300MiB"});
    const Outcome o = run({.arguments = words, .folder = folder.path()});
    EXPECT_EQ(o.exit_code, 5) << metric[0] << o.err;
    EXPECT_THAT(o.err, HasSubstr("large.png: a picture of 8192x8192 takes 513 MiB to read")) << metric[0];
  }
}

// What it says is in a few kilobytes: its pixels are not unpacked, and would not fit.
TEST(Hostile, WhatALargePictureSaysTakesNoMemory) {
  const TemporaryFolder folder;
  const std::string text = test::chunk("tEXt", std::string("parameters\0x\nSteps: 28, Seed: 5", 32));
  std::ofstream(folder / "large.png", std::ios::binary) << test::png_file({8192, 8192, 16, 6}, text, "");
  const Outcome o = run({.arguments = {"metadata", "large.png"}, .folder = folder.path(), .before_exec = [] {
                           const rlimit limit{160 << 20, 160 << 20};
                           ::setrlimit(RLIMIT_AS, &limit);
                         }});
  EXPECT_EQ(o.exit_code, 0) << o.signal << o.err;
  EXPECT_THAT(o.out, AllOf(HasSubstr("large.png  8192x8192"), HasSubstr("steps")));
}

}  // namespace
}  // namespace newbie::e2e
