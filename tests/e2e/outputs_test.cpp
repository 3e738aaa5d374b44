// Where pictures go: no output of a run falls on another, on an input, or on a file of the model.
#include <gmock/gmock.h>

#include <fstream>

#include "e2e/pictures.h"
#include "e2e/run_program.h"
#include "unit/core/temporary_folder.h"

namespace newbie::e2e {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

std::vector<std::string> tiny(std::vector<std::string> more) {
  more.insert(more.begin(), {"generate", "-p", "1girl", "-W", "16", "-H", "16", "--steps", "1"});
  return more;
}

TEST(Outputs, NoneFallsOnAnotherFile) {
  const TemporaryFolder folder;
  std::ofstream(folder / "p.txt") << "1girl\n";
  std::ofstream(folder / "l.jsonl") << "{\"prompt\": \"1girl\"}\n";
  ASSERT_EQ(run({.arguments = tiny({"-q", "-o", "in.png"}), .folder = folder.path()}).exit_code, 0);
  fs::create_symlink("in.png", folder / "link.png");
  const fs::path model = folder / "model";
  fs::copy(avatar(), model, fs::copy_options::recursive);
  const std::string config = (model / "vae/config.json").string();
  std::map<std::string, std::string> before;
  for (const std::string name : {"in.png", "p.txt", "l.jsonl"}) before[name] = file_bytes(folder / name);
  before[config] = file_bytes(config);

  const std::vector<std::vector<std::string>> cases = {
      {"-b", "3", "-o", "x.png", "--grid", "x_2.png"},
      {"-b", "2", "-o", "z.png", "--grid", "./z.png"},
      {"-o", "y.png", "--memory-log", "y.png"},
      {"-o", "y.png", "--preview", "y.png"},
      {"-o", "y.png", "--grid", "g.png", "--preview", "g.png"},
      {"-o", "y.png", "-i", "in.png", "--memory-log", "in.png"},
      {"-o", "in.png", "-i", "in.png"},
      {"-o", "in.png", "-i", "link.png"},
      {"-o", "y.png", "--from", "in.png", "--memory-log", "in.png"},
      {"-o", "y.png", "-m", "model", "--memory-log", config},
  };
  for (const std::vector<std::string>& words : cases) {
    const Outcome o = run({.arguments = tiny(words), .folder = folder.path()});
    EXPECT_EQ(o.exit_code, 2) << testing::PrintToString(words) << o.err;
  }
  for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{
           {"generate", "--prompt-file", "p.txt", "--steps", "1", "-o", "y.png", "--memory-log", "p.txt"},
           {"generate", "--prompts", "l.jsonl", "--steps", "1", "-o", "a.png", "--memory-log", "l.jsonl"},
           {"generate", "--prompts", "l.jsonl", "--steps", "1", "-o", "a.png", "--memory-log", "a.png"}}) {
    const Outcome o = run({.arguments = words, .folder = folder.path()});
    EXPECT_EQ(o.exit_code, 2) << testing::PrintToString(words) << o.err;
  }
  EXPECT_THAT(names_in(folder.path()), ElementsAre("in.png", "l.jsonl", "link.png", "model", "p.txt"));
  for (const auto& [name, bytes] : before) EXPECT_EQ(file_bytes(folder / name), bytes) << name;
}

// The same of commands that draw nothing, of adapters with a strength behind their name, and of folders that are read.
TEST(Outputs, NoCommandWritesOverWhatItReads) {
  const TemporaryFolder folder;
  fs::copy(avatar(), folder / "m", fs::copy_options::recursive);
  fs::copy_file(fs::path(NEWBIE_SOURCE_DIR) / "tests/data/adapters/kohya/adapter_model.safetensors",
                folder / "l.safetensors");
  fs::create_directory(folder / "w");
  std::ofstream(folder / "w/c.txt") << "red\nblue\n";
  std::map<std::string, std::string> before;
  for (const std::string name : {"m/vae/config.json", "l.safetensors", "w/c.txt"})
    before[name] = file_bytes(folder / name);
  for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{
           {"profile", "--work", "vae", "-m", "m", "--size", "64", "--repeats", "1", "--trace", "m/vae/config.json"},
           {"dev", "features", "-m", "m", "-p", "1girl", "-o", "m/vae/config.json"},
           {"lora", "convert", "-m", "m", "--to", "comfyui", "l.safetensors", "-o", "l.safetensors"},
           {"generate", "-m", "m", "-p", "1girl", "--steps", "1", "-o", "a.png", "--lora", "l.safetensors:0.8",
            "--memory-log", "l.safetensors"},
           {"generate", "-m", "m", "-p", "<lora:l:0.8>", "--lora-dir", ".", "--steps", "1", "-o", "a.png",
            "--memory-log", "l.safetensors"},
           {"generate", "-m", "m", "-p", "__c__", "--wildcards", "w", "--steps", "1", "-o", "a.png", "--memory-log",
            "w/c.txt"},
           {"convert", "--to", "comfyui", "m", "m"},
           {"convert", "--to", "folder", "m", "m/sub"}}) {
    const Outcome o = run({.arguments = words, .folder = folder.path()});
    EXPECT_EQ(o.exit_code, 2) << testing::PrintToString(words) << o.err;
  }
  EXPECT_THAT(names_in(folder.path()), ElementsAre("l.safetensors", "m", "w"));
  for (const auto& [name, bytes] : before) EXPECT_EQ(file_bytes(folder / name), bytes) << name;
}

TEST(Outputs, AFolderKeepsWhatIsThere) {
  const TemporaryFolder folder;
  const auto draw = [&](std::vector<std::string> words) {
    const Outcome o = run({.arguments = std::move(words), .folder = folder.path()});
    EXPECT_EQ(o.exit_code, 0) << o.err;
    EXPECT_THAT(o.err, Not(HasSubstr("replaced")));
  };
  draw(tiny({"-s", "7", "-b", "2", "-o", "d/"}));
  const std::string seven = file_bytes(folder / "d/7.png");
  draw(tiny({"-s", "7", "--steps", "2", "-o", "d"}));
  EXPECT_THAT(names_in(folder / "d"), ElementsAre("7.png", "7_2.png", "8.png"));
  EXPECT_EQ(file_bytes(folder / "d/7.png"), seven);

  std::ofstream(folder / "l.txt") << "1girl\n1boy\n";
  const std::vector<std::string> list{"generate", "-q", "--prompts", "l.txt", "-W", "16", "-H", "16", "--steps", "1"};
  std::vector<std::string> into = list;
  into.insert(into.end(), {"-o", "e/"});
  draw(into);
  draw(into);
  EXPECT_THAT(names_in(folder / "e"), ElementsAre("000.png", "001.png", "002.png", "003.png"));
  EXPECT_EQ(file_bytes(folder / "e/000.png"), file_bytes(folder / "e/002.png"));
  draw(list);  // without a name they go here, and sort as the lines do
  EXPECT_THAT(names_in(folder.path()), ElementsAre("000.png", "001.png", "d", "e", "l.txt"));
}

TEST(Outputs, ANamedFileIsReplacedWithAWord) {
  const TemporaryFolder folder;
  std::ofstream(folder / "a.png") << "mine";
  const Outcome o = run({.arguments = tiny({"-o", "a.png"}), .folder = folder.path()});
  EXPECT_EQ(o.exit_code, 0) << o.err;
  EXPECT_THAT(o.err, HasSubstr("a.png is there already and will be replaced"));
  EXPECT_THAT(o.out, HasSubstr("seed 0 is the default"));
  EXPECT_NE(file_bytes(folder / "a.png"), "mine");
  const Outcome again = run({.arguments = tiny({"-o", "b.png", "-s", "0"}), .folder = folder.path()});
  EXPECT_THAT(again.err + again.out, Not(testing::AnyOf(HasSubstr("replaced"), HasSubstr("is the default"))));
}

// Whatever a flag names: it is replaced, and that is told before.
TEST(Outputs, NoCommandReplacesAFileInSilence) {
  const TemporaryFolder folder;
  std::ofstream(folder / "list.txt") << "1girl\n";
  const std::string adapter = (fs::path(NEWBIE_SOURCE_DIR) / "tests/data/adapters/kohya/adapter_model.safetensors");
  ASSERT_EQ(
      run({.arguments = tiny({"-q", "-o", "z.png", "--memory-log", "log.jsonl"}), .folder = folder.path()}).exit_code,
      0);
  const std::vector<std::string> list{"generate", "--prompts", "list.txt", "-W", "16", "-H", "16", "--steps", "1"};
  const auto with = [](std::vector<std::string> words, std::vector<std::string> more) {
    words.insert(words.end(), more.begin(), more.end());
    return words;
  };
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases = {
      {tiny({"-o", "x.png"}), "x.png"},
      {tiny({"-o", "a.png", "--grid", "x.png"}), "x.png"},
      {tiny({"-o", "b.png", "--memory-log", "x.txt"}), "x.txt"},
      {tiny({"-o", "c.png", "--steps", "3", "--preview", "x.png", "--preview-every", "1", "--keep-preview"}), "x.png"},
      {with(list, {"-o", "d%d.png", "--report", "x.csv"}), "x.csv"},
      {with(list, {"-o", "e%d.png", "--memory-log", "x.txt"}), "x.txt"},
      {with(list, {"-o", "x.png"}), "x.png"},
      {{"generate", "-p", "1girl", "-W", "16", "-H", "16", "--grid-x", "steps=1,2", "-o", "f%d.png", "--grid", "x.png"},
       "x.png"},
      {{"memory-report", "log.jsonl", "-o", "x.html"}, "x.html"},
      {{"profile", "--work", "vae", "--size", "64", "--repeats", "1", "--trace", "x.json"}, "x.json"},
      {{"dev", "features", "-p", "1girl", "-o", "x.safetensors"}, "x.safetensors"},
      {{"lora", "convert", "--to", "comfyui", adapter, "-o", "x.safetensors"}, "x.safetensors"},
      {{"lora", "convert", "--to", "peft", adapter, "-o", "peft"}, "peft/adapter_model.safetensors"},
  };
  fs::create_directory(folder / "peft");
  for (const auto& [words, name] : cases) {
    std::ofstream(folder / name) << "mine";
    const Outcome o = run({.arguments = words, .folder = folder.path()});
    EXPECT_EQ(o.exit_code, 0) << testing::PrintToString(words) << o.err;
    EXPECT_THAT(o.err, HasSubstr(name + " is there already and will be replaced")) << testing::PrintToString(words);
    EXPECT_NE(file_bytes(folder / name), "mine") << testing::PrintToString(words);
  }
}

TEST(Outputs, PercentSignsAndLinksToNothing) {
  const TemporaryFolder folder;
  for (const char* name : {"p%s.png", "p%0999999d.png", "p%i.png", "p%05u.png"}) {
    const Outcome o = run({.arguments = tiny({"-o", name}), .folder = folder.path()});
    EXPECT_EQ(o.exit_code, 2) << name;
    EXPECT_THAT(o.err, AllOf(HasSubstr("unknown placeholder '%"), HasSubstr("%% is a percent sign"))) << name;
  }
  fs::create_symlink("nowhere.png", folder / "link.png");
  const Outcome o = run({.arguments = tiny({"-o", "link.png"}), .folder = folder.path()});
  EXPECT_EQ(o.exit_code, 3);
  EXPECT_THAT(o.err, HasSubstr("it is a link to nowhere.png, which is not there"));
  for (const char* name : {"p%%d.png", "100%.png", "%02d.png"})
    EXPECT_EQ(run({.arguments = tiny({"-q", "-o", name}), .folder = folder.path()}).exit_code, 0) << name;
  EXPECT_THAT(names_in(folder.path()), ElementsAre("00.png", "100%.png", "link.png", "p%d.png"));
}

TEST(Outputs, APipeGetsFewLinesOfProgress) {
  const TemporaryFolder folder;
  const Outcome o = run({.arguments = {"generate", "-p", "1girl", "-W", "128", "-H", "128", "--steps", "12", "-s", "1"},
                         .folder = folder.path()});
  EXPECT_EQ(o.exit_code, 0) << o.err;
  EXPECT_THAT(o.err, HasSubstr("denoise 1/12"));
  EXPECT_THAT(o.err, Not(HasSubstr("denoise 2/12"))) << "not a line for every step";
  EXPECT_THAT(o.err, Not(HasSubstr("gemma")));
}

}  // namespace
}  // namespace newbie::e2e
