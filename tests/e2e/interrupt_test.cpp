// Ctrl-C, SIGTERM, a closed terminal, other signals that ask to stop, and a limit for the size of files: whatever a
// command writes, it leaves nothing of it that is not whole.
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/resource.h>

#include <chrono>
#include <filesystem>
#include <optional>

#include "e2e/pictures.h"
#include "e2e/run_program.h"
#include "unit/core/temporary_folder.h"
#include "weights/safetensors_writer.h"

namespace newbie::e2e {
namespace {

using Clock = std::chrono::steady_clock;

void expect_stopped_by(int signal, const std::string& after) {
  const TemporaryFolder folder;
  Invocation call{.arguments = {"generate", "-p", "a girl", "-W", "256", "-H", "256", "--steps", "2000", "--scheduler",
                                "flow_euler", "-v", "--preview", "p.png", "--preview-every", "1"},
                  .folder = folder.path()};
  std::optional<Clock::time_point> sent;
  call.meanwhile = [&](pid_t process, const std::string& err) {
    if (sent || err.find(after) == std::string::npos) return;
    sent = Clock::now();
    ::kill(process, signal);
  };
  const Outcome o = run(call);
  ASSERT_TRUE(sent) << o.err;
  EXPECT_EQ(o.exit_code, 128 + signal) << o.err;
  EXPECT_LT(Clock::now() - *sent, std::chrono::seconds(10)) << "2000 steps take longer";
  EXPECT_THAT(o.err, testing::HasSubstr("newbie: cancelled: "));
  EXPECT_THAT(names_in(folder.path()), testing::IsEmpty());
}

TEST(Interrupt, CtrlCWhileDenoising) { expect_stopped_by(SIGINT, "denoise 1/2000"); }
TEST(Interrupt, CtrlCBeforeTheFirstStep) { expect_stopped_by(SIGINT, "gemma"); }
TEST(Interrupt, Terminated) { expect_stopped_by(SIGTERM, "denoise 1/2000"); }
TEST(Interrupt, TheTerminalIsClosed) { expect_stopped_by(SIGHUP, "denoise 1/2000"); }

TEST(Interrupt, WhatSchedulersAndTimersSend) {
  for (const int signal : {SIGQUIT, SIGUSR1, SIGUSR2, SIGALRM, SIGXCPU}) expect_stopped_by(signal, "denoise 1/2000");
}

// The system sends SIGXCPU again with every second of work: not even that ends the program before it has cleaned up.
TEST(Interrupt, TheLimitOfWorkIsReached) {
  const TemporaryFolder folder;
  Invocation call{.arguments = {"generate", "-p", "a girl", "-W", "256", "-H", "256", "--steps", "1000", "--preview",
                                "p.png", "--preview-every", "1"},
                  .folder = folder.path()};
  call.before_exec = [] {
    const rlimit limit{2, RLIM_INFINITY};
    ::setrlimit(RLIMIT_CPU, &limit);
  };
  const Outcome o = run(call);
  EXPECT_EQ(o.exit_code, 128 + SIGXCPU) << o.signal << o.err;
  EXPECT_THAT(names_in(folder.path()), testing::IsEmpty());
}

TEST(Interrupt, AFileSizeLimitLeavesNothing) {
  const TemporaryFolder folder;
  Invocation call{.arguments = {"generate", "-q", "-p", "a", "--steps", "1", "-o", "f.png"}, .folder = folder.path()};
  call.before_exec = [] {
    const rlimit limit{1024, 1024};
    ::setrlimit(RLIMIT_FSIZE, &limit);  // its signal would end the program
  };
  const Outcome o = run(call);
  EXPECT_EQ(o.exit_code, 3) << o.signal << o.err;
  EXPECT_THAT(o.err, testing::HasSubstr("f.png"));
  EXPECT_THAT(names_in(folder.path()), testing::IsEmpty());
}

namespace fs = std::filesystem;

std::string adapter() {
  return (fs::path(NEWBIE_SOURCE_DIR) / "tests/data/adapters/kohya/adapter_model.safetensors").string();
}

// Everything that writes more than one file, or makes folders for one.
TEST(Interrupt, CommandsThatCannotWriteLeaveNothing) {
  const TemporaryFolder inputs;
  const std::string tuned = (inputs / "tuned").string();
  ASSERT_EQ(run({"lora", "merge", "-q", adapter(), "-o", tuned}).exit_code, 0);
  struct Case {
    std::vector<std::string> words;
    rlim_t limit = 1024;
  };
  const std::vector<Case> cases{
      {{"lora", "merge", adapter(), "-o", "new/merged"}},
      {{"lora", "merge", adapter(), "-o", "new/merged"}, 1 << 20},  // some of its files fit
      {{"lora", "convert", "--to", "comfyui", adapter(), "-o", "new/folder/a.safetensors"}},
      {{"lora", "convert", "--to", "peft", adapter(), "-o", "new/folder/peft"}},
      {{"lora", "extract", "--tuned", tuned + "/transformer", "--rank", "2", "--to", "kohya", "-o",
        "new/b.safetensors"}},
      {{"convert", "--to", "comfyui", avatar().string(), "new/model"}, 1 << 20},
      {{"convert", "--to", "gguf", avatar().string(), "new/model"}, 1 << 20},
      {{"export", "onnx", "new/onnx", "-p", "1girl", "-W", "32", "-H", "32"}, 1 << 20},
      {{"dev", "synthesize", "--shapes", "new/model"}},
      {{"dev", "synthesize", "--shapes", "new/model"}, 1 << 20},  // the header fits, and the file does not
  };
  for (const Case& c : cases) {
    const TemporaryFolder folder;
    Invocation call{.arguments = c.words, .folder = folder.path()};
    call.before_exec = [limit = c.limit] {
      const rlimit size{limit, limit};
      ::setrlimit(RLIMIT_FSIZE, &size);
    };
    const Outcome o = run(call);
    EXPECT_EQ(o.exit_code, 3) << c.words[0] << ' ' << c.words[1] << ", " << c.limit << ": " << o.signal << o.err;
    EXPECT_THAT(names_in(folder.path()), testing::IsEmpty()) << c.words[0] << ' ' << c.words[1] << ", " << c.limit;
  }
}

// An adapter that was there stays, as it was, and so do other files of its folder.
TEST(Interrupt, WhatWasThereBeforeStays) {
  const TemporaryFolder folder;
  Invocation call{.arguments = {"lora", "convert", "-q", "--to", "peft", adapter(), "-o", "peft"},
                  .folder = folder.path()};
  ASSERT_EQ(run(call).exit_code, 0);
  const std::string before = file_bytes(folder / "peft/adapter_model.safetensors");
  call.before_exec = [] {
    const rlimit limit{1024, 1024};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  };
  EXPECT_EQ(run(call).exit_code, 3);
  EXPECT_THAT(names_in(folder / "peft"), testing::ElementsAre("adapter_config.json", "adapter_model.safetensors"));
  EXPECT_EQ(file_bytes(folder / "peft/adapter_model.safetensors"), before);
}

// A full-size model of holes, which takes no disk, and an adapter for it: seconds of work, to be stopped in.
class FullSize : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(run({"dev", "synthesize", "-q", "--shapes", (inputs_ / "full").string()}).exit_code, 0);
    const std::vector<float> ones(2304, 1.0f);
    const auto factor = [&](const char* name, Shape shape) {
      return NamedTensor{name, {{shape, DType::F32}, reinterpret_cast<const std::byte*>(ones.data())}};
    };
    const std::vector<NamedTensor> tensors{factor("diffusion_model.layers.0.attention.out.lora_A.weight", {1, 2304}),
                                           factor("diffusion_model.layers.0.attention.out.lora_B.weight", {2304, 1})};
    write_safetensors(inputs_ / "a.safetensors", tensors);
  }

  // `signal` comes as soon as stderr has `after`.
  void expect_stopped(std::vector<std::string> words, int signal, const std::string& after) {
    const TemporaryFolder folder;
    Invocation call{.arguments = std::move(words), .folder = folder.path()};
    bool is_sent = false;
    call.meanwhile = [&](pid_t process, const std::string& err) {
      if (is_sent || err.find(after) == std::string::npos) return;
      is_sent = true;
      ::kill(process, signal);
    };
    const Outcome o = run(call);
    ASSERT_TRUE(is_sent) << o.err;
    EXPECT_EQ(o.exit_code, 128 + signal) << o.signal << o.err;
    EXPECT_THAT(o.err, testing::HasSubstr("newbie: cancelled: "));
    EXPECT_THAT(names_in(folder.path()), testing::IsEmpty());
  }

  std::string model() const { return (inputs_ / "full").string(); }
  std::string adapter_of_it() const { return (inputs_ / "a.safetensors").string(); }

 private:
  const TemporaryFolder inputs_;
};

TEST_F(FullSize, AMergeIsStopped) {
  const std::vector<std::string> merge{"lora", "merge", "-v", "-m", model(), adapter_of_it(), "-o", "new/merged"};
  expect_stopped(merge, SIGTERM, "new/merged/transformer/");
  expect_stopped(merge, SIGINT, "new/merged/transformer/");
}

TEST_F(FullSize, AConversionIsStopped) {
  expect_stopped({"convert", "-v", "--to", "folder", model(), "new/model"}, SIGTERM, "new/model/transformer/");
}

TEST_F(FullSize, AnExportIsStopped) {
  expect_stopped(
      {"export", "onnx", "new/onnx", "-v", "-m", model(), "--dtype", "bf16", "-p", "1girl", "-W", "64", "-H", "64"},
      SIGTERM, "new/onnx/transformer.weights");
}

// What is whole stays: the same command goes on there.
TEST(Interrupt, ASynthesisIsStopped) {
  const TemporaryFolder folder;
  if (std::error_code error; fs::space(folder.path(), error).available < uintmax_t{17} << 30)
    GTEST_SKIP() << "it asks for 16 GB of disk before it begins";
  Invocation call{.arguments = {"dev", "synthesize", "-v", "new"}, .folder = folder.path()};
  bool is_sent = false;
  call.meanwhile = [&](pid_t process, const std::string& err) {
    if (is_sent || err.find("new/transformer/") == std::string::npos) return;
    is_sent = true;
    ::kill(process, SIGTERM);
  };
  const Outcome o = run(call);
  ASSERT_TRUE(is_sent) << o.err;
  EXPECT_EQ(o.exit_code, 128 + SIGTERM) << o.signal << o.err;
  EXPECT_THAT(names_in(folder.path()), testing::IsEmpty());
}

}  // namespace
}  // namespace newbie::e2e
