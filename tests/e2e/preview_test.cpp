// --preview: a file that is there while a picture is drawn, and gone afterwards.
#include <gmock/gmock.h>
#include <signal.h>

#include <fstream>

#include "core/json.h"
#include "e2e/pictures.h"
#include "e2e/run_program.h"
#include "unit/core/temporary_folder.h"

namespace newbie::e2e {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

std::vector<std::string> words(std::vector<std::string> more, const char* steps = "12") {
  std::vector<std::string> out{"generate", "-p", "1girl, smile", "-W", "64", "-H", "64", "--steps", steps, "-s", "3"};
  out.insert(out.end(), more.begin(), more.end());
  return out;
}

TEST(Preview, IsThereMeanwhileAndGoneAfterwards) {
  const TemporaryFolder folder;
  bool seen = false;
  const Outcome o = run({.arguments = words({"--preview", "--preview-every", "1"}, "200"),
                         .folder = folder.path(),
                         .meanwhile = [&](pid_t, const std::string&) {
                           if (seen || !fs::exists(folder / "output.preview.png")) return;
                           EXPECT_EQ(picture(folder / "output.preview.png").image.width, 64);
                           seen = true;
                         }});
  EXPECT_EQ(o.exit_code, 0) << o.err;
  EXPECT_TRUE(seen);
  EXPECT_THAT(names_in(folder.path()), ElementsAre("output.png"));
}

TEST(Preview, IsKeptOnRequestAndChangesNoByte) {
  const TemporaryFolder folder;
  ASSERT_EQ(run({.arguments = words({"-o", "plain.png"}), .folder = folder.path()}).exit_code, 0);
  for (const char* method : {"linear", "decode"}) {
    const Outcome o = run({.arguments = words({"--preview", "look.webp", "--preview-method", method, "--keep-preview"}),
                           .folder = folder.path()});
    EXPECT_EQ(o.exit_code, 0) << o.err;
    EXPECT_THAT(names_in(folder.path()), ElementsAre("look.webp", "output.png", "plain.png"));
    EXPECT_EQ(file_bytes(folder / "output.png"), file_bytes(folder / "plain.png"));
  }
}

TEST(Preview, IsRemovedWhenDrawingIsStopped) {
  const TemporaryFolder folder;
  bool stopped = false;
  const Outcome o = run({.arguments = words({"--preview", "--preview-every", "1"}, "1000"),
                         .folder = folder.path(),
                         .meanwhile = [&](pid_t process, const std::string&) {
                           if (stopped || !fs::exists(folder / "output.preview.png")) return;
                           ::kill(process, SIGINT);
                           stopped = true;
                         }});
  EXPECT_TRUE(stopped);
  EXPECT_EQ(o.exit_code, 130) << o.err;
  EXPECT_THAT(names_in(folder.path()), testing::IsEmpty());
}

// What is removed in the end is the preview, and nobody else's file: not one that was there, whatever it is called, and
// not one that came since.
TEST(Preview, RemovesNothingButItself) {
  const TemporaryFolder folder;
  std::ofstream(folder / "mine.png") << "mine";
  std::ofstream(folder / "output.preview.png") << "mine";
  fs::create_symlink("nowhere.png", folder / "link.png");
  for (const std::vector<std::string>& more :
       std::vector<std::vector<std::string>>{{"--preview", "mine.png"}, {"--preview"}, {"--preview", "link.png"}}) {
    std::vector<std::string> all = words(more);
    all.insert(all.end(), {"--preview-every", "1"});
    const Outcome o = run({.arguments = all, .folder = folder.path()});
    EXPECT_EQ(o.exit_code, 0) << o.err;
    EXPECT_THAT(o.err, HasSubstr("is there already: previews go to "));
    EXPECT_THAT(names_in(folder.path()), ElementsAre("link.png", "mine.png", "output.png", "output.preview.png"));
  }
  EXPECT_EQ(file_bytes(folder / "mine.png"), "mine");
  EXPECT_EQ(file_bytes(folder / "output.preview.png"), "mine");

  bool is_replaced = false;
  const Outcome o = run({.arguments = words({"--preview", "p.png", "--preview-every", "210"}, "400"),  // one preview
                         .folder = folder.path(),
                         .meanwhile = [&](pid_t, const std::string&) {
                           if (is_replaced || !fs::exists(folder / "p.png")) return;
                           std::ofstream(folder / "other.png") << "another's";
                           fs::rename(folder / "other.png", folder / "p.png");
                           is_replaced = true;
                         }});
  EXPECT_EQ(o.exit_code, 0) << o.err;
  ASSERT_TRUE(is_replaced);
  EXPECT_EQ(file_bytes(folder / "p.png"), "another's");
}

TEST(Preview, WithoutFactorsItIsDecodedAndSaysSo) {
  const TemporaryFolder folder;
  fs::create_directory(folder / "model");
  for (const char* part : {"transformer", "text_encoder", "clip_model"})
    fs::create_directory_symlink(avatar() / part, folder / "model" / part);
  fs::create_directory(folder / "model" / "vae");
  for (const char* file : {"config.json", "diffusion_pytorch_model.safetensors"})
    fs::copy_file(avatar() / "vae" / file, folder / "model" / "vae" / file);
  Outcome o = run({.arguments = words({"-m", "model", "--preview", "--keep-preview"}), .folder = folder.path()});
  EXPECT_EQ(o.exit_code, 0) << o.err;
  EXPECT_THAT(o.err, HasSubstr("latent_preview.json: previews are decoded"));
  EXPECT_TRUE(fs::exists(folder / "output.preview.png"));

  // The command that makes them.
  o = run({.arguments = {"dev", "fit-preview", "-m", "model", "output.png"}, .folder = folder.path()});
  if (o.exit_code == 0) {
    EXPECT_TRUE(fs::exists(folder / "model" / "vae" / "latent_preview.json"));
    o = run({.arguments = words({"-m", "model", "--preview"}), .folder = folder.path()});
    EXPECT_EQ(o.exit_code, 0);
    EXPECT_THAT(o.err, testing::Not(HasSubstr("previews are decoded")));
  } else {
    ADD_FAILURE() << o.err;
  }
}

TEST(Preview, ABadPlaceIsToldBeforeWorkAndAnUnwritableOneIsAWarning) {
  const TemporaryFolder folder;
  Outcome o = run({.arguments = words({"--preview", "./output.png"}), .folder = folder.path()});
  EXPECT_EQ(o.exit_code, 2);
  EXPECT_THAT(o.err, HasSubstr("is written by --output, too"));
  o = run({.arguments = words({"--preview", "look.txt"}), .folder = folder.path()});
  EXPECT_EQ(o.exit_code, 4);
  o = run({.arguments = words({"--preview", "nowhere/look.png"}), .folder = folder.path()});
  EXPECT_EQ(o.exit_code, 0);
  EXPECT_THAT(o.err, HasSubstr("newbie: warning: --preview: "));
}

TEST(Preview, ThePlanCountsTheDecoder) {
  const Outcome plain = run({"plan", "--json"}), linear = run({"plan", "--json", "--preview"}),
                decoded = run({"plan", "--json", "--preview", "--preview-method", "decode"});
  const auto denoise_weights = [](const Outcome& o) {
    const Json plan = parse_json(o.out, "plan");
    for (const Json& stage : plan["stages"])
      if (stage["name"] == "denoise") return stage["weights_bytes"].get<size_t>();
    return size_t{0};
  };
  EXPECT_GT(denoise_weights(plain), 0u);
  EXPECT_EQ(denoise_weights(linear), denoise_weights(plain));
  EXPECT_GT(denoise_weights(decoded), denoise_weights(plain));
}

}  // namespace
}  // namespace newbie::e2e
