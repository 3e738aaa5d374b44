// What goes wrong is told once, with an exit code, and leaves nothing behind.
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstring>
#include <fstream>

#include "core/json.h"
#include "e2e/pictures.h"
#include "e2e/run_program.h"
#include "unit/core/temporary_folder.h"

namespace newbie::e2e {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

int count(const std::string& text, const std::string& word) {
  int n = 0;
  for (size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) ++n;
  return n;
}

// A run in an empty folder that must end with `exit_code`, one message with all of `words` in it, and no file.
void expect_refused(std::vector<std::string> arguments, int exit_code, const std::vector<std::string>& words) {
  const TemporaryFolder folder;
  arguments.insert(arguments.begin(), {"generate", "-q"});
  const Outcome o = run({.arguments = arguments, .folder = folder.path()});
  EXPECT_EQ(o.exit_code, exit_code) << o.err;
  EXPECT_EQ(count(o.err, "newbie: "), 1) << o.err;
  for (const std::string& word : words) EXPECT_THAT(o.err, HasSubstr(word));
  EXPECT_EQ(o.out, "");
  EXPECT_THAT(names_in(folder.path()), testing::IsEmpty());
}

// The avatar model with one part copied, to be damaged; the others are links.
class DamagedModel {
 public:
  explicit DamagedModel(const std::string& part) {
    for (const auto& entry : fs::directory_iterator(avatar())) {
      const fs::path name = entry.path().filename();
      name == part ? fs::copy(entry.path(), folder_ / name, fs::copy_options::recursive)
                   : fs::create_symlink(entry.path(), folder_ / name);
    }
    for (const auto& entry : fs::directory_iterator(folder_ / part))
      if (entry.path().extension() == ".safetensors") weights_ = entry.path();
  }
  const fs::path& weights() const { return weights_; }
  fs::path operator/(const fs::path& name) const { return folder_ / name; }
  std::string path() const { return folder_.path().string(); }
  std::vector<std::string> flags() const { return {"-p", "a", "--steps", "1", "-m", path()}; }

  size_t header_bytes() const {
    const std::string bytes = file_bytes(weights_);
    uint64_t length = 0;
    std::memcpy(&length, bytes.data(), sizeof length);
    return sizeof length + length;
  }
  void overwrite(size_t at, std::string_view bytes) const {
    std::fstream file(weights_, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(at));
    file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  }

 private:
  TemporaryFolder folder_;
  fs::path weights_;
};

TEST(Errors, Requests) {
  expect_refused({"-p", "a", "-W", "100", "-H", "64"}, 2, {"multiples of 16", "100x64", "96 and 112"});
  expect_refused({"-p", "a", "-W", "99999999"}, 2, {"99999999", "16384"});
  expect_refused({"-p", "a", "-W", "9223372036854775807", "-H", "9223372036854775807"}, 2, {"16384"});
  expect_refused({"-p", "a", "-W", "-128"}, 2, {"--width: expected a whole number, 16 to 16384", "got -128"});
  expect_refused({"-p", "a", "--steps", "0"}, 2, {"steps", "got 0"});
  expect_refused({"-p", "a", "--steps", "1e9"}, 2, {"--steps", "1e9"});
  expect_refused({"-p", "a", "-b", "0"}, 2, {"batch", "got 0"});
  expect_refused({"-p", "a", "-s", "-2"}, 2, {"--seed", "-2"});
  expect_refused({"-p", "a", "-s", "18446744073709551616"}, 2, {"--seed"});
  expect_refused({"-p", "a", "--cfg-scale", "nan"}, 2, {"--cfg-scale", "nan"});
  expect_refused({"-p", "a", "-t", "0"}, 2, {"--threads"});
  expect_refused({"-p", "a", "--sampling-method", "eular"}, 2, {"eular", "euler, midpoint"});
  expect_refused({"-p", "a", "--scheduler", "karras"}, 2, {"karras", "sgm_uniform"});
  expect_refused({"-p", "a", "--sigmas", "0.2,0.7"}, 2, {"sigma"});
  expect_refused({"-p", "a", "--sigmas", "1,,0"}, 2, {"--sigmas"});
  expect_refused({"-p", "a", "--sigmas", "1,0", "--steps", "3"}, 2, {"--sigmas", "--steps"});
  expect_refused({"-p", "a", "--prompt-file", "b"}, 2, {"--prompt-file"});
  expect_refused({"-p", "\xff"}, 2, {"UTF-8"});
  expect_refused({"-p", "a", "-n", "\xc0\x80", "--cfg-scale", "1"}, 2, {"negative prompt", "UTF-8"});
  expect_refused({"-p", "a", "--memory", "lots"}, 2, {"--memory", "6GiB"});
  expect_refused({"-p", "a", "--dtype", "f64"}, 2, {"f64", "auto, f32, bf16, f16"});
  expect_refused({"--prompt-file", "nowhere.txt"}, 3, {"nowhere.txt"});
}

TEST(Errors, UnknownWordsAreNamedWithWhatWasMeant) {
  expect_refused({"-p", "a", "--cfg-scal", "4"}, 2, {"no flag --cfg-scal", "--cfg-scale?", "newbie generate --help"});
  expect_refused({"-p", "a", "--sampler=euler"}, 2, {"no flag --sampler", "here it is --sampling-method"});
  const auto told = [](std::vector<std::string> words) {
    const Outcome o = run(std::move(words));
    EXPECT_EQ(o.exit_code, 2) << o.err;
    return o.err;
  };
  EXPECT_THAT(told({"generat"}), HasSubstr("no command 'generat'; did you mean generate?"));
  EXPECT_THAT(told({"prompt", "lnt"}), AllOf(HasSubstr("newbie prompt: no command 'lnt'"), HasSubstr("lint?")));
  EXPECT_THAT(told({"plan", "--prompts", "x"}), AllOf(HasSubstr("no flag --prompts"), HasSubstr("newbie plan --help")));
  EXPECT_THAT(told({"dev"}), HasSubstr("newbie dev --help"));
}

TEST(Errors, FlagsThatDoNothingAreTold) {
  const TemporaryFolder folder;
  const auto told = [&](std::vector<std::string> words) {
    words.insert(words.begin(),
                 {"generate", "-p", "a", "-W", "16", "-H", "16", "--steps", "1", "-o", (folder / "a.png").string()});
    const Outcome o = run(std::move(words));
    EXPECT_EQ(o.exit_code, 0) << o.err;
    return o.err;
  };
  EXPECT_THAT(told({"--strength", "0.5"}), HasSubstr("--strength does nothing without --init-img"));
  EXPECT_THAT(told({"--hires-steps", "3"}), HasSubstr("--hires-steps does nothing without --hires"));
  EXPECT_THAT(told({"--cache-threshold", "0.1"}), HasSubstr("--cache-threshold does nothing without --cache"));
  EXPECT_THAT(told({"--preview-method", "decode"}), HasSubstr("--preview-method does nothing without --preview"));
  EXPECT_THAT(told({}), Not(HasSubstr("does nothing")));
}

TEST(Errors, MoreMemoryThanAllowedNamesWhatWouldDo) {
  expect_refused({"-p", "a", "--memory", "10MB"}, 5, {"needs", "MiB", "--memory"});
  expect_refused({"-p", "a", "-W", "4096", "-H", "4096", "--memory", "1GiB"}, 5, {"needs", "1024 MiB"});
}

TEST(Errors, JsonTellsThemOnStandardOutput) {
  const Outcome o = run({"generate", "-p", "a", "--steps", "0", "--json"});
  EXPECT_EQ(o.exit_code, 2);
  const Json error = parse_json(o.out, "stdout")["error"];
  EXPECT_EQ(error["kind"], "invalid_request");
  EXPECT_EQ(error["exit_code"], 2);
  EXPECT_THAT(error["message"].get<std::string>(), HasSubstr("steps"));
}

TEST(Errors, Outputs) {
  expect_refused({"-p", "a", "-o", "picture.gif"}, 4, {"picture.gif", ".png"});
  expect_refused({"-p", "a", "-o", "picture"}, 4, {"picture", ".png"});
  expect_refused({"-p", "a", "-o", ""}, 2, {"--output"});
  expect_refused({"-p", "a", "-o", "{size}.png"}, 2, {"{size}", "{seed}"});
  expect_refused({"-p", "a", "-o", "no/where.png"}, 3, {"no/where.png", "create the folder"});
  expect_refused({"-p", "a", "-o", "no/where/"}, 3, {"no"});
  expect_refused({"-p", "a", "-o", "-", "-b", "2"}, 2, {"standard output"});
}

TEST(Errors, AFolderInThePlaceOfAPictureStays) {
  const TemporaryFolder folder;
  fs::create_directory(folder / "pictures");
  fs::create_directory(folder / "pictures/0.png");
  const Outcome o = run({"generate", "-p", "a", "--steps", "1", "-q", "-o", (folder / "pictures").string()});
  EXPECT_EQ(o.exit_code, 0) << o.err;
  EXPECT_THAT(names_in(folder / "pictures"), testing::UnorderedElementsAre("0.png", "0_2.png"));
  EXPECT_TRUE(fs::is_directory(folder / "pictures/0.png"));
}

TEST(Errors, AFolderThatMayNotBeWrittenIsFoundBeforeTheWork) {
  if (::geteuid() == 0) GTEST_SKIP() << "root may write everywhere";
  const TemporaryFolder folder;
  fs::permissions(folder.path(), fs::perms::owner_read | fs::perms::owner_exec);
  const Outcome o = run({"generate", "-p", "a", "-o", (folder / "a.png").string()});
  EXPECT_EQ(o.exit_code, 3);
  EXPECT_EQ(o.err.find("denoise"), std::string::npos);
  fs::permissions(folder.path(), fs::perms::owner_all);
}

TEST(Errors, AWriteThatFailsHalfwayLeavesNothing) {
  const TemporaryFolder folder;
  Invocation call{.arguments = {"generate", "-p", "a", "--steps", "1", "-q"}, .folder = folder.path()};
  call.before_exec = [] {
    const rlimit limit{1024, 1024};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    ::signal(SIGXFSZ, SIG_IGN);
  };
  const Outcome o = run(call);
  EXPECT_EQ(o.exit_code, 3) << o.err;
  EXPECT_THAT(o.err, HasSubstr("output.png"));
  EXPECT_THAT(names_in(folder.path()), testing::IsEmpty());
}

TEST(Errors, AFullDiskLeavesNothing) {
  const TemporaryFolder folder;
  if (::mount("tmpfs", folder.path().c_str(), "tmpfs", 0, "size=8k") != 0)
    GTEST_SKIP() << "a small disk to fill needs the right to mount one";
  const Outcome o = run({.arguments = {"generate", "-p", "a", "--steps", "1", "-q"}, .folder = folder.path()});
  EXPECT_EQ(o.exit_code, 3) << o.err;
  EXPECT_THAT(o.err, HasSubstr("disk is full"));
  EXPECT_THAT(names_in(folder.path()), testing::IsEmpty());
  ::umount(folder.path().c_str());
}

TEST(Errors, AReadOnlyDiskIsFoundBeforeTheWork) {
  const TemporaryFolder folder;
  if (::mount("tmpfs", folder.path().c_str(), "tmpfs", MS_RDONLY, "size=8k") != 0)
    GTEST_SKIP() << "a read-only disk needs the right to mount one";
  const Outcome o = run({"generate", "-p", "a", "--steps", "1", "-o", (folder / "a.png").string()});
  ::umount(folder.path().c_str());
  EXPECT_EQ(o.exit_code, 3) << o.err;
  EXPECT_THAT(o.err, HasSubstr("Read-only file system"));
  EXPECT_EQ(o.err.find("denoise"), std::string::npos) << o.err;
}

TEST(Errors, AFullStandardOutputIsTold) {
  Invocation call{.arguments = {"plan", "-p", "a", "-W", "32", "-H", "32"}, .standard_output = "/dev/full"};
  EXPECT_EQ(run(call).exit_code, 3);
}

TEST(Errors, MissingFiles) {
  expect_refused({"-p", "a", "-m", "nowhere"}, 3, {"nowhere"});
  expect_refused({"-p", "a", "--vae", "ae.safetensors"}, 2, {"--model"});
  for (const char* part : {"transformer", "text_encoder", "clip_model", "vae"}) {
    const DamagedModel model(part);
    fs::remove(model.weights());
    expect_refused(model.flags(), 3, {part});
    fs::remove_all(model / part);
    expect_refused(model.flags(), 3, {part});
  }
  const DamagedModel model("text_encoder");
  fs::remove(model / "text_encoder/tokenizer.json");
  fs::remove(model / "text_encoder/tokenizer.model");
  expect_refused(model.flags(), 3, {"tokenizer"});
}

TEST(Errors, TruncatedFiles) {
  for (const char* part : {"transformer", "text_encoder", "clip_model", "vae"}) {
    const DamagedModel model(part);
    const auto whole = fs::file_size(model.weights());
    for (const uintmax_t bytes : {whole - 1, whole / 2, uintmax_t{100}, uintmax_t{8}, uintmax_t{3}, uintmax_t{0}}) {
      fs::resize_file(model.weights(), bytes);
      expect_refused(model.flags(), 3, {model.weights().string()});
    }
  }
}

TEST(Errors, DamagedConfigurations) {
  for (const char* part : {"transformer", "text_encoder", "clip_model", "vae"}) {
    const DamagedModel model(part);
    for (const char* text : {"", "{", "[]", "{\"a\": 1, \"a\": 2}", "\xff\xfe"}) {
      std::ofstream(model / part / "config.json") << text;
      expect_refused(model.flags(), 3, {"config.json"});
    }
  }
}

TEST(Errors, AnyByteOfAHeaderMayBeDamaged) {
  const DamagedModel model("vae");
  const std::string whole = file_bytes(model.weights());
  const size_t header = model.header_bytes();
  for (size_t at = 0; at < header; at += at < 16 ? 1 : 151) {
    const char other = static_cast<char>(whole[at] ^ 0x15);
    model.overwrite(at, {&other, 1});
    const Outcome o = run({"plan", "-W", "32", "-H", "32", "-m", model.path()});
    // A letter of the metadata may change and mean nothing.
    EXPECT_THAT(o.exit_code, testing::AnyOf(0, 3, 4)) << "byte " << at << ", signal " << o.signal << "\n" << o.err;
    if (o.exit_code != 0) {
      EXPECT_EQ(count(o.err, "newbie: bad file: ") + count(o.err, "newbie: unsupported: "), 1) << o.err;
      EXPECT_THAT(o.err, HasSubstr(model.path()));
    }
    model.overwrite(at, {&whole[at], 1});
  }
}

// No picture is made from what is no number: the error names the file, the weight and the block that met it.
TEST(Errors, WeightsThatAreNoNumbers) {
  struct Case {
    const char *part, *tensor;
  };
  for (const Case& c : {Case{"text_encoder", "layers.0.input_layernorm.weight"},
                        {"clip_model", "text_model.transformer.roberta.encoder.layers.0.norm1.weight"},
                        {"transformer", "context_refiner.0.attention_norm1.weight"},
                        {"transformer", "layers.0.attention_norm1.weight"},
                        {"vae", "decoder.conv_norm_out.weight"}}) {
    const DamagedModel model(c.part);
    const size_t header = model.header_bytes();
    const Json entry =
        parse_json(std::string_view(file_bytes(model.weights())).substr(8, header - 8), c.part)[c.tensor];
    ASSERT_EQ(entry["dtype"], "BF16") << c.tensor;
    model.overwrite(header + entry["data_offsets"][0].get<size_t>() + 2 * sizeof(uint16_t), "\xC0\x7F");
    std::vector<std::string> flags = model.flags();
    flags.insert(flags.end(), {"-W", "32", "-H", "32"});
    expect_refused(
        flags, 3,
        {std::string("/") + c.part, c.tensor, "NaN at element 2", std::string(": ") + c.part, "cannot be computed"});
  }
}

// Pictures to start from: damaged, cut, or larger than anybody draws. What a header promises is not allocated.
TEST(Errors, PicturesThatAreNone) {
  const TemporaryFolder folder;
  const auto bytes = [](std::initializer_list<int> values) { return std::string(values.begin(), values.end()); };
  const std::string png = "\x89PNG\r\n\x1a\n";
  std::string png_chunk("\0\0\0\x0dIHDR", 8);
  png_chunk += bytes({0, 1, 0, 0, 0, 1, 0, 0, 8, 6, 0, 0, 0});
  const std::map<std::string, std::string> files = {
      {"empty.png", ""},
      {"cut.png", png},
      {"huge.png", png + png_chunk + bytes({0x6C, 0x84, 0x30, 0xE3})},  // 65536x65536
      // 65500x65500
      {"huge.jpg", bytes({0xFF, 0xD8, 0xFF, 0xC0, 0, 11, 8, 0xFF, 0xDC, 0xFF, 0xDC, 1,    1,   0x11,
                          0,    0xFF, 0xDA, 0,    8, 1,  1, 0,    0,    0x3F, 0,    0xFF, 0xD9})},
      {"huge.webp", std::string("RIFF\x16\0\0\0WEBPVP8L\x0a\0\0\0\x2f\xff\xff\xff\x0f\0\0\0\0\0", 30)},  // 16384x16384
      {"words.png", "this is no picture"},
  };
  for (const auto& [name, content] : files) {
    std::ofstream(folder / name, std::ios::binary) << content;
    Invocation call{.arguments = {"generate", "-q", "-p", "a", "--steps", "1", "-i", (folder / name).string(), "-o",
                                  (folder / "out.png").string()}};
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // these take address space by the terabyte
    call.before_exec = [] {
      const rlimit limit{size_t{3} << 30, size_t{3} << 30};
      ::setrlimit(RLIMIT_AS, &limit);
    };
#endif
    const Outcome o = run(call);
    EXPECT_THAT(o.exit_code, testing::AnyOf(3, 4)) << name << ", signal " << o.signal << "\n" << o.err;
    EXPECT_EQ(count(o.err, "newbie: "), 1) << o.err;
    EXPECT_THAT(o.err, HasSubstr(name));
    EXPECT_THAT(o.err, HasSubstr(name.starts_with("huge") ? "expected sides up to 16384" : name));
    EXPECT_FALSE(fs::exists(folder / "out.png"));
    EXPECT_NE(run({"metadata", (folder / name).string()}).exit_code, 0) << name;
  }
}

TEST(Errors, WrongShapes) {
  const DamagedModel model("vae");
  const std::string whole = file_bytes(model.weights());
  const size_t tensor = whole.find("\"decoder.up_blocks.2.resnets.0.conv1.weight\"");
  ASSERT_NE(tensor, std::string::npos);
  const size_t shape = whole.find("[64,128,3,3]", tensor);
  ASSERT_NE(shape, std::string::npos);
  model.overwrite(shape, "[128,64,3,3]");
  expect_refused(model.flags(), 3,
                 {"decoder.up_blocks.2.resnets.0.conv1.weight", "[128, 64, 3, 3]", "[64, 128, 3, 3]"});
}

TEST(Errors, PartsOfAnotherKind) {
  const std::string model = avatar().string();
  expect_refused({"-p", "a", "-m", model, "--text-encoder", model + "/clip_model"}, 3, {"clip_model"});
  expect_refused({"-p", "a", "-m", model, "--diffusion-model", model + "/vae"}, 3, {"vae"});
  expect_refused({"-p", "a", "-m", model, "--vae", model + "/transformer"}, 3, {"transformer"});
}

}  // namespace
}  // namespace newbie::e2e
